package engine_test

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
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
