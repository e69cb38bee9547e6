// Package multibuffer is an engine that signs, verifies and agrees on keys eight at a time.
//
// On a CPU with AVX-512 IFMA (Intel's server CPUs since Ice Lake, AMD since Zen 4) one stream of
// instructions computes eight operations with public or private keys in about the time that the
// standard library takes for one or two. Wrap a key with it, and each core does several times as many:
//
//	signer, err := multibuffer.Signer(privateKey)     // a crypto.Signer
//	verifier, err := multibuffer.Verifier(publicKey)  // verifier.Verify(digest, signature, opts)
//
// Code that has only a public key calls [VerifyPKCS1v15], [VerifyPSS], [VerifyASN1] and
// [VerifyEd25519], which have the standard library's parameters. Code that has many signatures at
// hand calls [VerifyBatch].
//
// Operations with different keys, and for different callers, are computed together. A batch never
// waits to be filled: an idle worker takes the requests that are queued. A single operation runs on
// its caller's goroutine, in the kernels or by the standard library, whichever is faster.
//
// # Which operations are vectorized
//
//	operation      keys                             variants
//	sign           RSA of 2048, 3072 or 4096 bits   PKCS #1 v1.5, PSS
//	sign           ECDSA on P-256 and P-384         hedged, or RFC 6979 if rand is nil; ASN.1 or r||s
//	sign           Ed25519                          pure, ctx, ph
//	verify         the same; RSA with e 3 or 65537  the same
//	agree on keys  X25519                           [KeyExchanger]
//	generate keys  X25519                           [GenerateX25519]
//
// All hashes, salt lengths and options are those of crypto/rsa, crypto/ecdsa and crypto/ed25519.
// [engine.ECDSAOptions] ask for raw signatures, r||s of fixed length, as JWS, COSE and Web Crypto
// have them. A signature that is not random equals the standard library's byte for byte. A
// verification has the standard library's answer for every input.
//
// The standard library computes everything else, on the same workers: decryption, operations with
// other keys, PSS with a reader other than crypto/rand's, and every [engine.Func]. It also signs
// with ECDSA where it would read from the program's own reader: since Go 1.26 it does that only
// under GODEBUG=cryptocustomrand=1. Where [Supported] returns false it computes everything. Callers
// see no difference. [engine.Stats].Vectorized counts the vectorized operations, and Kinds the
// operations of each kind.
//
// # Keys that are not wrapped
//
// Verifying with a prepared key is two to three times as fast, in full batches, as with a key that
// the kernels see for the first time. VerifyPKCS1v15 and its siblings, and VerifyBatch, find
// prepared keys in a cache that the process shares. They prepare a key at its third use, which
// takes about as long as two verifications by the standard library. The prepared keys take at most
// 16 MB, which is enough for 250 keys of P-256, 100 of P-384, 145 of Ed25519 or thousands of RSA.
// When the cache is full it forgets the key whose last use is the longest ago, but none of the last
// 4,096 uses: until then it takes a new key as it is. Of keys that it has not prepared it knows
// hashes of the last 1,024, in 8 KB.
//
// # Safety
//
// The kernels for private keys are constant in time: no branch and no address depends on a secret.
// Every signature is verified before it leaves, and if it is wrong the standard library computes it
// again: [engine.Stats].Recomputed counts that. The engine holds a copy of each private key and
// wipes it when its signer is closed or garbage. Hedged nonces are made of the key, the digest and
// fresh random bytes. Verification uses public data only, and its time depends on them.
//
// An RSA key that its Validate method refuses cannot be wrapped. That includes a key without its
// primes, with which crypto/rsa would sign. Nobody has audited this; see SECURITY.md.
package multibuffer

import (
	"context"
	"crypto"
	"crypto/ecdh"
	"crypto/fips140"
	"sync"

	"asynccrypto/engine"
	"asynccrypto/internal/ifma"
)

// Options are the options of [New]. The zero value is ready for use.
type Options struct {
	// Workers is how many batches are computed at once; 0 means GOMAXPROCS. More workers than that
	// gain nothing.
	Workers int
	// Depth bounds the operations that are queued or running; 0 means 16 batches for each worker.
	// A batch is eight operations, or one operation where the standard library computes
	// everything. Further operations wait in line.
	Depth int
	// Nice, on Linux, lowers the priority of the workers' threads by this much, 1 to 19. On other
	// systems New returns an error unless it is 0.
	Nice int
	// Standard leaves every operation of this engine to the standard library, as the environment
	// variable ASYNCCRYPTO_IFMA=off and the build tag purego do for all engines. [Supported] takes
	// those two into account, but not Standard. With Standard, Stats.Vectorized stays 0.
	Standard bool
	// CompactTables makes the tables of prepared keys for ECDSA and Ed25519 small: 10 to 15 KB for
	// a key instead of 65 to 165 KB. Verifying then takes up to 1.8 times as long in full batches,
	// and up to four times as long alone. Use it to wrap thousands of keys.
	CompactTables bool
}

// Supported reports whether this process computes eight operations at a time, and if not, why: the
// CPU, the build, the environment, crypto/fips140 or BoringCrypto. reason is "" if ok. The
// answer never changes while the process lives; the environment is read once.
func Supported() (ok bool, reason string) {
	if fips140.Enabled() {
		return false, "crypto/fips140 is enabled: the standard library's validated module does everything"
	}
	if boringCrypto() {
		return false, "built with GOEXPERIMENT=boringcrypto: that module does everything"
	}
	return ifma.Supported()
}

// New returns a new engine, for a program that does not want to share [Default]. It works on every
// machine; where [Supported] returns false it is no faster than package
// [asynccrypto/engine/workers]. Call Close when done. The errors are those of [engine.New] for
// these options.
func New(o Options) (*engine.Engine, error) {
	e, _, err := newEngine(o)
	return e, err
}

// newEngine returns the handler of the engine, too.
func newEngine(o Options) (*engine.Engine, *handler, error) {
	h := &handler{compact: o.CompactTables}
	c := h.config()
	if ok, _ := Supported(); !ok || o.Standard {
		c = engine.Config{Handler: func(batch []*engine.Request) { batch[0].Run() }, Prepare: check}
	}
	c.Name, c.Workers, c.Depth, c.Nice, c.Direct = "multibuffer", o.Workers, o.Depth, o.Nice, true
	e, err := engine.New(c)
	return e, h, err
}

// shared is the default engine and its handler.
var shared = sync.OnceValues(func() (*engine.Engine, *handler) {
	e, h, err := newEngine(Options{})
	if err != nil {
		panic(err) // the zero Options are valid
	}
	return e, h
})

func defaultHandler() *handler { _, h := shared(); return h }

// Default returns the engine that the whole process shares. It is made on first use. Do not close
// it.
func Default() *engine.Engine { e, _ := shared(); return e }

// Signer wraps key with the default engine. Wrap a key once, when you load it, and share the
// signer. The errors are those of [engine.Engine.Signer]. An RSA key that its Validate method
// refuses is refused here too, because a signature with it could give its primes away. A key that
// cannot be vectorized is no error.
func Signer(key crypto.Signer) (engine.Signer, error) { return Default().Signer(key) }

// Verifier wraps a public key with the default engine. Wrap a key once, when you load it, and share
// the verifier. The errors are those of [engine.Engine.Verifier]. A key that cannot be vectorized
// is no error.
func Verifier(key crypto.PublicKey) (engine.Verifier, error) { return Default().Verifier(key) }

// KeyExchanger wraps a private key for key agreements with the default engine. The errors are those
// of [engine.Engine.KeyExchanger].
func KeyExchanger(key *ecdh.PrivateKey) (engine.KeyExchanger, error) {
	return Default().KeyExchanger(key)
}

// GenerateX25519 generates a private key for X25519 on the default engine. It takes a twentieth of
// the time of [ecdh.Curve].GenerateKey where others generate keys at the same time. The errors are
// those of [engine.Engine.GenerateKey].
func GenerateX25519(ctx context.Context) (engine.KeyExchanger, error) {
	return Default().GenerateKey(ctx, ecdh.X25519())
}
