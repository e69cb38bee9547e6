package remote_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"log"
	"math/big"
	"net"
	"time"

	"asynccrypto/async"
	"asynccrypto/engine/fallback"
	"asynccrypto/remote"
)

// A key on a node in this process. With remote.New in place of remote.Local, the rest is the same.
func Example() {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	eng, err := remote.Local(map[string]crypto.Signer{"web": key})
	if err != nil {
		log.Fatal(err)
	}
	defer eng.Close()

	signer, err := eng.Signer(context.Background(), "web")
	if err != nil {
		log.Fatal(err)
	}
	digest := sha256.Sum256([]byte("hello"))
	sig, err := signer.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("valid:", ecdsa.VerifyASN1(&key.PublicKey, digest[:], sig))
	// Output: valid: true
}

// A TLS server whose key is on a node: crypto/tls gives the node the message that it signs.
func Example_tls() {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	eng, err := remote.Local(map[string]crypto.Signer{"web": key})
	if err != nil {
		log.Fatal(err)
	}
	defer eng.Close()
	signer, err := eng.Signer(context.Background(), "web")
	if err != nil {
		log.Fatal(err)
	}

	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "web"}, DNSNames: []string{"web"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, signer.Public(), signer)
	if err != nil {
		log.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		log.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(cert)

	near, far := net.Pipe()
	server := tls.Server(far, &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: signer}}})
	go server.Handshake()
	client := tls.Client(near, &tls.Config{RootCAs: roots, ServerName: "web"})
	fmt.Println("handshake:", client.Handshake())
	// Output: handshake: <nil>
}

// In a job, the operation pauses the job, and the application goes on until the node has answered.
func ExampleEngine_Signer_job() {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	eng, err := remote.Local(map[string]crypto.Signer{"web": key})
	if err != nil {
		log.Fatal(err)
	}
	defer eng.Close()
	signer, err := eng.Signer(context.Background(), "web")
	if err != nil {
		log.Fatal(err)
	}

	pool, err := async.NewPool(10, 0)
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Close()
	w := async.NewWaitCtx() // one for each session
	defer w.Close()
	answered := make(chan struct{}, 1)
	w.SetCallback(func(any) { answered <- struct{}{} }, nil)
	job, outcome, err := pool.Start(w, func(j async.Job) error {
		digest := sha256.Sum256([]byte("hello"))
		bound := signer.WithContext(async.NewContext(context.Background(), j))
		_, err := bound.Sign(rand.Reader, digest[:], crypto.SHA256)
		return err
	})
	fmt.Println(outcome, err)
	<-answered // the application's loop
	fmt.Println(job.Resume())
	// Output:
	// PAUSE <nil>
	// FINISH <nil>
}

// A key on the network and, if no node is up, in a file.
func ExampleEngine_SignerFor() {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader) // from the file
	if err != nil {
		log.Fatal(err)
	}
	eng, err := remote.New(remote.Config{Nodes: []string{"unix:/nowhere/keys.sock"}})
	if err != nil {
		log.Fatal(err)
	}
	defer eng.Close()
	onNodes, err := eng.SignerFor(key.Public()) // asks no node, so the program starts without one
	if err != nil {
		log.Fatal(err)
	}
	signer, err := fallback.New(fallback.Options{},
		fallback.Member{Name: "nodes", Signer: onNodes, Timeout: time.Second},
		fallback.Member{Name: "file", Signer: key},
	)
	if err != nil {
		log.Fatal(err)
	}
	defer signer.Close()

	digest := sha256.Sum256([]byte("hello"))
	sig, err := signer.Sign(rand.Reader, digest[:], crypto.SHA256)
	fmt.Println("valid:", err == nil && ecdsa.VerifyASN1(&key.PublicKey, digest[:], sig))
	// Output: valid: true
}
