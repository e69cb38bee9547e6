// Jwt issues tokens (RFC 7519, RS256) with github.com/golang-jwt/jwt for many clients at a
// time. The tokens that are asked for at one time are signed together, eight by eight where the
// CPU can.
//
//	go run ./examples/jwt
//	go run ./examples/jwt -n 50000
//
// It first issues some with crypto/rsa alone, to show the gain. Every token is verified,
// in the ordinary way: a service that verifies needs nothing of this.
package main

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"asynccrypto/engine/multibuffer"

	"github.com/golang-jwt/jwt/v5"
)

// rsaMethod is one of jwt's RSA methods, signing with any crypto.Signer: their own Sign takes
// an *rsa.PrivateKey only. It is not for ES256 and its like, whose tokens encode signatures in
// another way than a crypto.Signer does.
type rsaMethod struct {
	jwt.SigningMethod                   // jwt.SigningMethodRS256, say: its name, and how to verify
	opts              crypto.SignerOpts // for RS256: crypto.SHA256
}

func (m rsaMethod) Sign(text string, key any) ([]byte, error) {
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, jwt.ErrInvalidKeyType
	}
	h := m.opts.HashFunc().New()
	h.Write([]byte(text))
	return signer.Sign(rand.Reader, h.Sum(nil), m.opts)
}

var rs256 = rsaMethod{jwt.SigningMethodRS256, crypto.SHA256}

func main() {
	n := flag.Int("n", 5000, "`number` of tokens to issue with the wrapped key")
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
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	signer, err := multibuffer.Signer(key) // once, when the service starts
	if err != nil {
		return err
	}
	defer signer.Close() // wipes the engine's copy of the key

	for _, by := range []struct {
		name string
		key  crypto.Signer
		n    int
	}{{"crypto/rsa", key, (n + 9) / 10}, {"wrapped key", signer, n}} {
		began := time.Now()
		tokens, err := issueAll(by.key, by.n)
		if err != nil {
			return err
		}
		took := time.Since(began)
		for i, token := range tokens {
			if err := verify(token, user(i), &key.PublicKey); err != nil {
				return err
			}
		}
		fmt.Fprintf(out, "%-11s  %d tokens in %v, %.0f a second, all of them verified\n",
			by.name, len(tokens), took.Round(time.Millisecond), float64(len(tokens))/took.Seconds())
	}
	if ok, reason := multibuffer.Supported(); !ok {
		fmt.Fprintln(out, "The wrapped key is no faster on this machine:", reason)
	}
	return nil
}

// issue issues one token, for one request to the service.
func issue(key crypto.Signer, user string) (string, error) {
	now := time.Now()
	claims := jwt.RegisteredClaims{
		Subject:   user,
		IssuedAt:  jwt.NewNumericDate(now),
		ExpiresAt: jwt.NewNumericDate(now.Add(time.Hour)),
	}
	return jwt.NewWithClaims(rs256, claims).SignedString(key)
}

// verify is for the services that accept tokens. They name the methods that they accept.
func verify(token, user string, public *rsa.PublicKey) error {
	var claims jwt.RegisteredClaims
	keys := func(*jwt.Token) (any, error) { return public, nil }
	if _, err := jwt.ParseWithClaims(token, &claims, keys, jwt.WithValidMethods([]string{"RS256"})); err != nil {
		return err
	}
	if claims.Subject != user {
		return fmt.Errorf("the token is %s's, not %s's", claims.Subject, user)
	}
	return nil
}

func user(i int) string { return fmt.Sprint("user ", i) }

// issueAll stands in for an HTTP server, with a goroutine for each request under way. There are
// more of them than the engine signs for at a time, so that the next batch gathers while one is
// signed.
func issueAll(key crypto.Signer, n int) ([]string, error) {
	tokens := make([]string, n)
	var next atomic.Int64
	errs := make([]error, 16*runtime.GOMAXPROCS(0))
	var wg sync.WaitGroup
	for g := range errs {
		wg.Go(func() {
			for errs[g] == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				tokens[i], errs[g] = issue(key, user(i))
			}
		})
	}
	wg.Wait()
	return tokens, errors.Join(errs...)
}
