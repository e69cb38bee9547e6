package jwx_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"log"
	"time"

	"asynccrypto/engine"
	"asynccrypto/engine/multibuffer"
	asyncjwx "asynccrypto/interop/jwx"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jws"
	"github.com/lestrrat-go/jwx/v3/jwt"
)

func Example() {
	if err := asyncjwx.Register(); err != nil { // in main
		log.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	// Once, when the program starts.
	signer, err := multibuffer.Signer(key)
	if err != nil {
		log.Fatal(err)
	}
	defer signer.Close()
	verifier, err := multibuffer.Verifier(&key.PublicKey)
	if err != nil {
		log.Fatal(err)
	}
	defer verifier.Close()

	// For each token that is issued.
	claims, err := jwt.NewBuilder().Subject("alice").Build()
	if err != nil {
		log.Fatal(err)
	}
	token, err := jwt.Sign(claims, jwt.WithKey(jwa.ES256(), signer))
	if err != nil {
		log.Fatal(err)
	}

	// For each token that comes in.
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute) // the request's
	defer cancel()
	parsed, err := jwt.Parse(token, jwt.WithKey(jwa.ES256(), verifier.WithContext(ctx)))
	if err != nil {
		log.Fatal(err)
	}
	subject, _ := parsed.Subject()
	fmt.Println(subject)
	// Output: alice
}

// A key provider chooses among several wrapped keys by the key ID of the token.
func Example_keyProvider() {
	if err := asyncjwx.Register(); err != nil { // in main
		log.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	verifier, err := multibuffer.Verifier(&key.PublicKey)
	if err != nil {
		log.Fatal(err)
	}
	defer verifier.Close()
	verifiers := map[string]engine.Verifier{"2026-11": verifier}

	keys := jws.KeyProviderFunc(func(ctx context.Context, sink jws.KeySink, sig *jws.Signature, _ *jws.Message) error {
		id, _ := sig.ProtectedHeaders().KeyID()
		verifier, ok := verifiers[id]
		if !ok {
			return fmt.Errorf("there is no key %q", id)
		}
		sink.Key(jwa.ES256(), verifier.WithContext(ctx))
		return nil
	})

	headers := jws.NewHeaders()
	if err := headers.Set(jws.KeyIDKey, "2026-11"); err != nil {
		log.Fatal(err)
	}
	token, err := jws.Sign([]byte("payload"), jws.WithKey(jwa.ES256(), key, jws.WithProtectedHeaders(headers)))
	if err != nil {
		log.Fatal(err)
	}
	payload, err := jws.Verify(token, jws.WithKeyProvider(keys))
	fmt.Printf("%s %v\n", payload, err)
	// Output: payload <nil>
}
