package workers_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log"

	"asynccrypto/async"
	"asynccrypto/engine/workers"
)

// keyService stands for the client of a key service (KMS): it holds no private key in this
// process, and Sign blocks until the service has answered.
type keyService struct{ remote *ecdsa.PrivateKey }

func (s *keyService) Sign(id string, digest []byte, hash crypto.Hash) ([]byte, error) {
	if id != "tls-2026" {
		return nil, errors.New("key service: no key " + id)
	}
	return s.remote.Sign(rand.Reader, digest, hash)
}

// serviceKey is a private key of the key service: a crypto.Signer whose Sign makes the call.
type serviceKey struct {
	service *keyService
	id      string
	public  crypto.PublicKey
}

func (k *serviceKey) Public() crypto.PublicKey { return k.public }

func (k *serviceKey) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return k.service.Sign(k.id, digest, opts.HashFunc())
}

// A key service needs no engine of its own: wrap a key whose Sign method calls the service. The
// signer blocks in plain code, such as net/http, and pauses the job where there is one.
func Example_keyService() {
	remote, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	key := &serviceKey{&keyService{remote}, "tls-2026", &remote.PublicKey}

	eng, err := workers.New(workers.Options{Workers: 64}) // 64 calls at once; the rest wait in line
	if err != nil {
		log.Fatal(err)
	}
	defer eng.Close()
	signer, err := eng.Signer(key) // once, not for each handshake
	if err != nil {
		log.Fatal(err)
	}

	// In plain code.
	digest := sha256.Sum256([]byte("hello"))
	sig, err := signer.Sign(rand.Reader, digest[:], crypto.SHA256)
	fmt.Println(ecdsa.VerifyASN1(&remote.PublicKey, digest[:], sig), err)

	// In a job, which is paused while the service works.
	pool, err := async.NewPool(0, 0)
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Close()
	woken := make(chan struct{}, 1)
	var session async.WaitCtx
	defer session.Close()
	session.SetCallback(func(any) { woken <- struct{}{} }, nil)
	job, outcome, err := pool.Start(&session, func(j async.Job) (err error) {
		ctx := async.NewContext(context.Background(), j)
		sig, err = signer.WithContext(ctx).Sign(rand.Reader, digest[:], crypto.SHA256)
		return err
	})
	for outcome == async.Paused {
		<-woken // an event loop does other work here
		outcome, err = job.Resume()
	}
	fmt.Println(ecdsa.VerifyASN1(&remote.PublicKey, digest[:], sig), err)
	// Output:
	// true <nil>
	// true <nil>
}
