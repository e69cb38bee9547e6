package fallback_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"io"
	"log"
	"time"

	"asynccrypto/engine"
	"asynccrypto/engine/fallback"
	"asynccrypto/engine/workers"
)

// hsmKey stands for a key in an HSM, such as package pkcs11 opens.
type hsmKey struct {
	crypto.Signer
	unplugged bool
}

func (k *hsmKey) Sign(r io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if k.unplugged {
		return nil, fmt.Errorf("%w: the HSM has no power", engine.ErrUnavailable)
	}
	return k.Signer.Sign(r, digest, opts)
}

// A key that is in two HSMs and, for the worst case, in a file. The signer goes wherever a
// crypto.Signer does, such as into a tls.Certificate.
func Example() {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	eng, err := workers.New(workers.Options{Workers: 16})
	if err != nil {
		log.Fatal(err)
	}
	defer eng.Close()
	hsm := &hsmKey{Signer: key}
	first, err := eng.Signer(hsm)
	if err != nil {
		log.Fatal(err)
	}
	second, err := eng.Signer(&hsmKey{Signer: key})
	if err != nil {
		log.Fatal(err)
	}

	signer, err := fallback.New(fallback.Options{},
		fallback.Member{Name: "hsm", Signer: first, Timeout: 2 * time.Second},
		fallback.Member{Name: "hsm2", Signer: second, Timeout: 2 * time.Second},
		fallback.Member{Name: "file", Signer: key}, // the last resort; leave it out if the key may not be there
	)
	if err != nil {
		log.Fatal(err)
	}
	defer signer.Close()

	hsm.unplugged = true
	digest := sha256.Sum256([]byte("hello"))
	for range 5 {
		sig, err := signer.Sign(rand.Reader, digest[:], crypto.SHA256)
		if err != nil || !ecdsa.VerifyASN1(&key.PublicKey, digest[:], sig) {
			log.Fatal("no signature: ", err)
		}
	}
	for _, m := range signer.Stats() {
		fmt.Printf("%s: asked %d, failed %d, skipped %d, breaker %v\n", m.Name, m.Operations, m.Failures+m.Timeouts, m.Skipped, m.State)
	}
	// Output:
	// hsm: asked 3, failed 3, skipped 2, breaker open
	// hsm2: asked 5, failed 0, skipped 0, breaker closed
	// file: asked 0, failed 0, skipped 0, breaker closed
}

// Two keys of one HSM share a breaker: when one of them finds the HSM dead, the other does not wait
// for it.
func ExampleBreaker() {
	var keys []*ecdsa.PrivateKey
	var signers []fallback.Signer
	hsm := &fallback.Breaker{Failures: 1, Cooldown: 10 * time.Second}
	for range 2 {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			log.Fatal(err)
		}
		signer, err := fallback.New(fallback.Options{},
			fallback.Member{Name: "hsm", Signer: &hsmKey{Signer: key, unplugged: true}, Breaker: hsm},
			fallback.Member{Name: "file", Signer: key},
		)
		if err != nil {
			log.Fatal(err)
		}
		defer signer.Close()
		keys, signers = append(keys, key), append(signers, signer)
	}
	digest := sha256.Sum256([]byte("hello"))
	for i, signer := range signers {
		sig, err := signer.Sign(rand.Reader, digest[:], crypto.SHA256)
		m := signer.Stats()[0]
		fmt.Println(ecdsa.VerifyASN1(&keys[i].PublicKey, digest[:], sig), err, "asked", m.Operations, "skipped", m.Skipped)
	}
	// Output:
	// true <nil> asked 1 skipped 0
	// true <nil> asked 0 skipped 1
}
