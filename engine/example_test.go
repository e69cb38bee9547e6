package engine_test

import (
	"context"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hpke"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"asynccrypto/engine"
)

// square is an operation: it carries its input and its output.
type square struct{ in, out int }

func (s *square) Run() error { s.out = s.in * s.in; return nil }

// squareBatch is the whole of an engine: it knows a fast way for squares, and runs all other
// operations as they are.
func squareBatch(batch []*engine.Request) {
	for _, r := range batch {
		switch op := r.Op().(type) {
		case *square:
			op.out = op.in * op.in // eight at a time, on hardware that can
			r.Complete(nil)
		default:
			r.Run()
		}
	}
}

func Example_ownEngine() {
	eng, err := engine.New(engine.Config{Name: "square", MaxBatch: 8, Handler: squareBatch})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer eng.Close()

	op := &square{in: 7}
	err = eng.Do(context.Background(), op)
	fmt.Println(op.out, err)
	// Output: 49 <nil>
}

// A remote signer that answers by itself later: the handler sends each request off and returns.
// So one worker serves as many requests as Depth allows, and no goroutine waits for each. If the
// client of your key service blocks, package workers alone is enough.
func Example_remoteSigner() {
	_, key, _ := ed25519.GenerateKey(rand.Reader) // stands for the key on the other side
	eng, err := engine.New(engine.Config{Name: "remote", Workers: 1, Depth: 400, Handler: func(batch []*engine.Request) {
		for _, r := range batch {
			op, ok := r.Op().(*engine.SignOp)
			if !ok {
				r.Run()
				continue
			}
			time.AfterFunc(time.Millisecond, func() { // the network; r.Context() has the caller's deadline
				var err error
				op.Signature, err = op.Key.Sign(op.Rand, op.Digest, op.Opts)
				r.Complete(err)
			})
		}
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer eng.Close()
	signer, err := eng.Signer(key)
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	msg := []byte("message")
	sig, err := signer.WithContext(ctx).Sign(nil, msg, crypto.Hash(0))
	fmt.Println(ed25519.Verify(key.Public().(ed25519.PublicKey), msg, sig), err)
	// Output: true <nil>
}

// edKey is what the engine of the next example prepares for a public key. Others prepare tables, or
// load the key into a device.
type edKey struct{ key ed25519.PublicKey }

// edVerification returns an operation that the engine's own method takes, and its prepared key.
// For every other operation the key is nil.
func edVerification(op engine.Op) (*engine.VerifyOp, *edKey) {
	verification, ok := op.(*engine.VerifyOp)
	if !ok {
		return nil, nil
	}
	// The method is for plain Ed25519. Nobody has checked the options before; they may be nil.
	if hash, ok := verification.Opts.(crypto.Hash); !ok || hash != 0 {
		return nil, nil
	}
	key, _ := verification.Prepared.(*edKey)
	return verification, key
}

// verify is the engine's own method, for one operation.
func (k *edKey) verify(op *engine.VerifyOp) error {
	if !ed25519.Verify(k.key, op.Digest, op.Signature) {
		return op.Invalid()
	}
	return nil
}

// An engine with a method for one kind of operations: these share batches, and their keys are
// prepared. A lone one runs on its caller's goroutine.
func ExampleConfig_kinds() {
	eng, err := engine.New(engine.Config{
		Name:     "ed25519",
		MaxBatch: 8,
		Kinds:    []string{"alone", "ed25519-verify"},
		Kind: func(op engine.Op) int {
			if _, key := edVerification(op); key != nil {
				return 1
			}
			return 0
		},
		PreparePublic: func(key crypto.PublicKey) (any, error) {
			if key, ok := key.(ed25519.PublicKey); ok {
				return &edKey{key}, nil
			}
			return nil, nil // the standard library verifies with it
		},
		Handler: func(batch []*engine.Request) {
			for _, r := range batch { // a device would be given all of them at once
				if op, key := edVerification(r.Op()); key != nil {
					r.Complete(key.verify(op))
				} else {
					r.Run()
				}
			}
		},
		Direct: true,
		Alone: func(op engine.Op) error {
			if op, key := edVerification(op); key != nil {
				return key.verify(op)
			}
			return op.Run()
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer eng.Close()

	public, private, _ := ed25519.GenerateKey(rand.Reader)
	verifier, err := eng.Verifier(public)
	if err != nil {
		fmt.Println(err)
		return
	}
	message := []byte("message")
	signature := ed25519.Sign(private, message)
	fmt.Println(verifier.Verify(message, signature, crypto.Hash(0)))
	fmt.Println(verifier.Verify([]byte("another"), signature, crypto.Hash(0)))
	fmt.Println(verifier.Verify(message, signature, crypto.SHA256))
	for _, kind := range eng.Stats().Kinds {
		fmt.Println(kind.Operations, kind.Name)
	}
	// Output:
	// <nil>
	// engine: the signature is not valid
	// engine: verify with an Ed25519 key: the hash is SHA-256; it must be 0, with the message itself, or SHA-512
	// 1 alone
	// 2 ed25519-verify
}

// A verifier is made once for each public key. An invalid signature has an error of its own, so
// that nothing else that may go wrong is taken for one.
func ExampleEngine_Verifier() {
	eng, err := engine.New(engine.Config{Name: "square", Handler: squareBatch}) // any engine verifies
	if err != nil {
		fmt.Println(err)
		return
	}
	defer eng.Close()
	public, private, _ := ed25519.GenerateKey(rand.Reader)
	verifier, err := eng.Verifier(public)
	if err != nil {
		fmt.Println(err)
		return
	}

	msg := []byte("message")
	sig := ed25519.Sign(private, msg)
	for _, msg := range []string{"message", "another"} {
		switch err := verifier.Verify([]byte(msg), sig, crypto.Hash(0)); {
		case err == nil:
			fmt.Println("valid")
		case errors.Is(err, engine.ErrVerification):
			fmt.Println("not valid")
		default:
			fmt.Println("not verified:", err)
		}
	}
	// Output:
	// valid
	// not valid
}

// A JSON Web Token's ES256 signature is r||s, not ASN.1.
func ExampleECDSAOptions() {
	eng, err := engine.New(engine.Config{Name: "square", Handler: squareBatch})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer eng.Close()
	key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	signer, err := eng.Signer(key)
	if err != nil {
		fmt.Println(err)
		return
	}
	verifier, err := eng.Verifier(signer.Public())
	if err != nil {
		fmt.Println(err)
		return
	}

	es256 := &engine.ECDSAOptions{Hash: crypto.SHA256, Raw: true}
	digest := sha256.Sum256([]byte("header.claims"))
	sig, err := signer.Sign(rand.Reader, digest[:], es256)
	fmt.Println(len(sig), err)
	fmt.Println(verifier.Verify(digest[:], sig, es256))
	// Output:
	// 64 <nil>
	// <nil>
}

// Package crypto/hpke takes a KeyExchanger in place of a private key.
func ExampleEngine_KeyExchanger() {
	eng, err := engine.New(engine.Config{Name: "square", Handler: squareBatch})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer eng.Close()
	key, _ := ecdh.X25519().GenerateKey(rand.Reader)
	exchanger, err := eng.KeyExchanger(key)
	if err != nil {
		fmt.Println(err)
		return
	}
	private, err := hpke.NewDHKEMPrivateKey(exchanger)
	if err != nil {
		fmt.Println(err)
		return
	}

	box, _ := hpke.Seal(private.PublicKey(), hpke.HKDFSHA256(), hpke.AES128GCM(), nil, []byte("hello"))
	text, err := hpke.Open(private, hpke.HKDFSHA256(), hpke.AES128GCM(), nil, box)
	fmt.Println(string(text), err)
	// Output: hello <nil>
}
