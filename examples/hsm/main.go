// Hsm signs with a key on a token and, while the token is away, with the same key in a file.
//
//	go run ./examples/hsm
//
// The token is SoftHSM's, made for the occasion, and taken away by moving its files. So the example
// needs the programs of p11-kit and SoftHSM: on Debian, the packages p11-kit and softhsm2.
package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime/pprof"
	"sync"
	"sync/atomic"
	"time"

	"asynccrypto/engine/fallback"
	"asynccrypto/engine/pkcs11"
)

func main() {
	each := flag.Duration("time", time.Second, "how long to sign with the token there, away, and back")
	flag.Parse()
	if err := run(os.Stdout, *each); err != nil {
		fmt.Fprintln(os.Stderr, "hsm:", err)
		os.Exit(1)
	}
}

func run(out io.Writer, each time.Duration) error {
	if missing := missing(); missing != "" {
		fmt.Fprintln(out, missing)
		return nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	soft, err := newSoftHSM(key)
	if err != nil {
		return err
	}
	defer soft.remove()

	token, err := pkcs11.Open(soft.uri, pkcs11.Options{})
	if err != nil {
		return err
	}
	defer token.Close()
	onToken, err := token.Signer("") // the URI names the key, too
	if err != nil {
		return err
	}
	signer, err := fallback.New(fallback.Options{},
		fallback.Member{Name: "token", Signer: onToken, Timeout: time.Second, Breaker: &fallback.Breaker{Cooldown: 100 * time.Millisecond}},
		fallback.Member{Name: "file", Signer: key},
	)
	if err != nil {
		return err
	}
	defer signer.Close()

	fmt.Fprintf(out, "%d clients, each of which wants a P-256 signature every %v:\n", clients, pause)
	if err := sign(out, "the token is there", signer, each); err != nil {
		return err
	}
	if err := soft.unplug(); err != nil {
		return err
	}
	if err := sign(out, "the token is away", signer, each); err != nil {
		return err
	}
	if err := soft.plugIn(); err != nil {
		return err
	}
	began := time.Now()
	for signer.Stats()[0].State != fallback.Closed { // until a probe has signed on the token
		if time.Since(began) > time.Minute {
			return fmt.Errorf("the token stays away: %w", token.Health().LastError)
		}
		time.Sleep(time.Millisecond)
	}
	fmt.Fprintf(out, "A probe found the token %v after it was back.\n", time.Since(began).Round(time.Millisecond))
	if err := sign(out, "the token is back", signer, each); err != nil {
		return err
	}
	fmt.Fprintf(out, "The process has had %d threads.\n", pprof.Lookup("threadcreate").Count())
	return nil
}

const (
	clients = 16
	pause   = 20 * time.Millisecond
)

// sign signs for the clients for the time of each, verifies every signature, and prints a line.
func sign(out io.Writer, when string, signer fallback.Signer, each time.Duration) error {
	before := signer.Stats()
	end := time.Now().Add(each)
	public := signer.Public().(*ecdsa.PublicKey)
	var signing sync.WaitGroup
	var failed atomic.Pointer[error]
	var longest atomic.Int64
	for range clients {
		signing.Go(func() {
			for ; time.Now().Before(end); time.Sleep(pause) {
				digest := sha256.Sum256([]byte(rand.Text()))
				began := time.Now()
				signature, err := signer.Sign(rand.Reader, digest[:], crypto.SHA256)
				took := int64(time.Since(began))
				for old := longest.Load(); took > old && !longest.CompareAndSwap(old, took); old = longest.Load() {
				}
				if err == nil && !ecdsa.VerifyASN1(public, digest[:], signature) {
					err = fmt.Errorf("a wrong signature")
				}
				if err != nil {
					failed.Store(&err)
					return
				}
			}
		})
	}
	signing.Wait()
	if err := failed.Load(); err != nil {
		return *err
	}
	after := signer.Stats()
	signed := func(i int) uint64 {
		did := func(s fallback.MemberStats) uint64 { return s.Operations - s.Failures - s.Timeouts }
		return did(after[i]) - did(before[i])
	}
	fmt.Fprintf(out, "%-18s  %6d signatures by the token, %6d by the file, 0 failed; the slowest took %v\n",
		when, signed(0), signed(1), time.Duration(longest.Load()).Round(100*time.Microsecond))
	return nil
}
