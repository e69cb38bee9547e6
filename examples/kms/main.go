// Kms signs with keys that live in a remote key service (a KMS, an HSM behind a network). It
// shows two ways:
//
//   - blocking: key.go is a crypto.Signer that asks the service and waits. workers.New alone
//     makes an engine of it.
//   - completing later: engine.go is an engine of its own, whose worker never waits for the
//     service.
//
// Both bound the requests under way, pause a job or block a goroutine meanwhile, and honour the
// caller's context.
//
//	go run ./examples/kms
//
// service.go stands in for the service. It takes 10 ms for each signature, as a network does.
package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"asynccrypto/engine"
	"asynccrypto/engine/workers"
)

// inHand is how many requests the service is willing to have under way. Further ones wait in
// the engine's line.
const inHand = 50

func main() {
	if err := run(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "kms:", err)
		os.Exit(1)
	}
}

func run(out io.Writer) error {
	service, err := startService(10 * time.Millisecond)
	if err != nil {
		return err
	}
	defer service.close()
	key, err := open(service.url, "signing-key-1")
	if err != nil {
		return err
	}
	began := time.Now()
	const few = 20
	if err := sign(key, key, few, 1); err != nil {
		return err
	}
	fmt.Fprintf(out, "no engine, one by one  %d signatures in %v\n", few, time.Since(began).Round(time.Millisecond))

	for _, way := range []struct {
		name string
		make func() (*engine.Engine, error)
	}{
		{"workers.New", func() (*engine.Engine, error) { return workers.New(workers.Options{Workers: inHand}) }},
		{"engine.go", func() (*engine.Engine, error) { return newEngine(inHand) }},
	} {
		eng, err := way.make()
		if err != nil {
			return err
		}
		service.most.Store(0)
		began = time.Now()
		const many, callers = 1000, 200
		if err := use(eng, key, many, callers); err != nil {
			return err
		}
		fmt.Fprintf(out, "%-21s  %d signatures for %d callers in %v, at most %d at a time at the service\n",
			way.name, many, callers, time.Since(began).Round(time.Millisecond), service.most.Load())
	}
	fmt.Fprintln(out, "All signatures were verified. Callers with a deadline of 1 ms were told that it had passed.")
	return nil
}

// use signs with an engine, and closes it.
func use(eng *engine.Engine, key *remoteKey, n, callers int) error {
	defer eng.Close() // waits for the requests under way
	signer, err := eng.Signer(key)
	if err != nil {
		return err
	}
	if err := sign(key, signer, n, callers); err != nil {
		return err
	}
	return tooLate(signer)
}

// sign has callers sign n messages with signer, and verifies the signatures.
func sign(key *remoteKey, signer crypto.Signer, n, callers int) error {
	errs := make([]error, callers)
	var wg sync.WaitGroup
	for c := range errs {
		wg.Go(func() {
			for i := c; i < n && errs[c] == nil; i += callers {
				digest := sha256.Sum256(fmt.Append(nil, "message ", i))
				sig, err := signer.Sign(nil, digest[:], crypto.SHA256)
				if err == nil && !ecdsa.VerifyASN1(key.public, digest[:], sig) {
					err = errors.New("a signature is not valid")
				}
				errs[c] = err
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// tooLate signs with a context that ends before the service answers. With asynctls.Config a TLS
// server passes the context of each handshake in this way.
func tooLate(signer engine.Signer) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	digest := sha256.Sum256([]byte("nobody waits for this"))
	_, err := signer.WithContext(ctx).Sign(nil, digest[:], crypto.SHA256)
	if !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("after its deadline a caller got %w", err)
	}
	return nil
}
