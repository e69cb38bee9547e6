// Jwt issues and verifies tokens (RFC 7519, ES256) with github.com/golang-jwt/jwt for many clients
// at a time. Tokens that are asked for at the same time are signed together, eight by eight where
// the CPU can. Tokens that come in at the same time are verified in the same way.
//
//	go run ./examples/jwt
//	go run ./examples/jwt -n 50000
//
// It does some with golang-jwt and the standard library alone first, to show the gain.
package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"asynccrypto/engine"
	"asynccrypto/engine/multibuffer"
	"asynccrypto/interop/golangjwt"

	"github.com/golang-jwt/jwt/v5"
)

func main() {
	n := flag.Int("n", 20000, "`number` of tokens to issue with the wrapped key")
	flag.Parse()
	if err := run(os.Stdout, *n); err != nil {
		fmt.Fprintln(os.Stderr, "jwt:", err)
		os.Exit(1)
	}
}

func run(out io.Writer, n int) error {
	if n < 1 {
		return fmt.Errorf("-n %d: the number of tokens must be at least 1", n)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	signer, err := multibuffer.Signer(key) // once, when the service starts
	if err != nil {
		return err
	}
	defer signer.Close() // wipes the engine's copy of the key
	verifier, err := multibuffer.Verifier(&key.PublicKey)
	if err != nil {
		return err
	}
	defer verifier.Close()

	for _, by := range []struct {
		name            string
		method          jwt.SigningMethod
		private, public any
		n               int
	}{
		{"plain keys", jwt.SigningMethodES256, key, &key.PublicKey, (n + 9) / 10},
		{"wrapped keys", golangjwt.ES256, signer, verifier, n},
	} {
		tokens := make([]string, by.n)
		issued, err := each(by.n, func(i int) (err error) {
			tokens[i], err = issue(by.method, by.private, user(i))
			return err
		})
		if err != nil {
			return err
		}
		verified, err := each(by.n, func(i int) error {
			return verify(context.Background(), tokens[i], user(i), by.public)
		})
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%-12s  %d tokens: %.0f issued a second, %.0f verified a second\n", by.name, by.n, issued, verified)
	}
	if ok, reason := multibuffer.Supported(); !ok {
		fmt.Fprintln(out, "Wrapped keys are no faster on this machine:", reason)
	}
	return nil
}

// issue issues one token, for one request to the service.
func issue(method jwt.SigningMethod, key any, user string) (string, error) {
	now := time.Now()
	claims := jwt.RegisteredClaims{
		Subject:   user,
		IssuedAt:  jwt.NewNumericDate(now),
		ExpiresAt: jwt.NewNumericDate(now.Add(time.Hour)),
	}
	return jwt.NewWithClaims(method, claims).SignedString(key)
}

// errUnknown says that a token has not been verified, and may be valid.
var errUnknown = errors.New("the token has not been verified")

// verify is for the services that accept tokens. They name the methods that they accept. A wrapped
// key waits no longer than ctx lasts, which is the request's.
func verify(ctx context.Context, token, user string, public any) error {
	var claims jwt.RegisteredClaims
	keys := golangjwt.Keyfunc(func(*jwt.Token) (any, error) {
		if verifier, ok := public.(engine.Verifier); ok {
			return verifier.WithContext(ctx), nil
		}
		return public, nil
	})
	_, err := jwt.ParseWithClaims(token, &claims, keys, jwt.WithValidMethods([]string{"ES256"}))
	switch {
	case err != nil && (ctx.Err() != nil || errors.Is(err, engine.ErrClosed)):
		return fmt.Errorf("%w: %w", errUnknown, err) // not the client's fault
	case err != nil:
		return err
	case claims.Subject != user:
		return fmt.Errorf("the token is %s's, not %s's", claims.Subject, user)
	}
	return nil
}

func user(i int) string { return fmt.Sprint("user ", i) }

// each stands in for an HTTP server, with a goroutine for each request under way. There are more of
// them than the engine computes at a time, so that the next batch gathers meanwhile. It returns how
// many calls of f there were in a second.
func each(n int, f func(i int) error) (rate float64, err error) {
	began := time.Now()
	var next atomic.Int64
	errs := make([]error, 64*runtime.GOMAXPROCS(0))
	var wg sync.WaitGroup
	for g := range errs {
		wg.Go(func() {
			for errs[g] == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				errs[g] = f(i)
			}
		})
	}
	wg.Wait()
	return float64(n) / time.Since(began).Seconds(), errors.Join(errs...)
}
