// Package multibuffer is the engine that signs with RSA eight at a time.
//
// On a CPU with AVX-512 IFMA (Intel since Ice Lake, AMD since Zen 4) one stream of instructions computes eight private-key
// operations in about the time that the standard library takes for one. Who wraps a key with it signs several times
// as fast for each core:
//
//	signer, err := multibuffer.Signer(key)
//
// The keys need not be the same, nor their owners; what is asked for at one time is computed together. Nothing waits to
// fill a batch: a worker that is idle takes what is there, and a lone request costs a batch of one, which is still faster
// than the standard library.
//
// # What goes through the lanes
//
// Signatures by an [*rsa.PrivateKey] of 2048, 3072 or 4096 bits with two primes, PKCS #1 v1.5 and PSS, every hash and salt
// length that crypto/rsa takes, given as a crypto.Hash or a *rsa.PSSOptions. For PKCS #1 v1.5 the result is byte for
// byte crypto/rsa's. Everything else goes to the standard library, on the same workers: decryption, other keys, PSS with
// a reader other than crypto/rand's, any engine.Func; and everything where [Supported] is false. Callers don't see the
// difference. Stats.Vectorized counts what went through the lanes.
//
// What elliptic curves compute is over before a change of threads has paid for itself: as long as the engine is idle it is
// done by the caller, also in a job (engine.Config.Direct). So one event loop keeps one core busy with it; have as many
// loops as cores.
//
// # Safety
//
// The kernels are constant in time: no branch and no address depends on a secret. Every result is checked with the
// public exponent before it leaves, and computed anew by the standard library if it is wrong. The engine holds a copy of
// each key until its signer is closed, or collected, and then wipes it. Where Supported is true an RSA key that its Validate
// refuses can't be wrapped, also one without its primes, with which crypto/rsa would sign. Nobody has audited this; see
// SECURITY.md.
package multibuffer

import (
	"crypto"
	"crypto/fips140"
	"sync"

	"asynccrypto/engine"
	"asynccrypto/internal/ifma"
)

// Options describe the engine to New. The zero value is ready.
type Options struct {
	// Workers is how many batches are computed at once; 0 means GOMAXPROCS, and more gains nothing.
	Workers int
	// Depth bounds the operations that are queued or under way; 0 means 16 batches for each worker. A batch is of eight
	// operations, and of one where everything is left to the standard library. Others wait in line.
	Depth int
	// Nice, on Linux, puts the workers on threads of their own at a priority that is lower by this much (1 to 19). Elsewhere
	// New returns an error.
	Nice int
	// Standard leaves everything to the standard library, as the environment variable ASYNCCRYPTO_IFMA=off and the build
	// tag purego do. Those show in Supported; this, which is for one engine, shows in that its Stats.Vectorized stays 0.
	Standard bool
}

// Supported says whether signatures are computed eight at a time here, and if not, why: the CPU, the build, the
// environment, crypto/fips140, or BoringCrypto. reason is "" when they are. The answer does not change while the process
// lives: the environment is read once.
func Supported() (ok bool, reason string) {
	if fips140.Enabled() {
		return false, "crypto/fips140 is enabled: the standard library's validated module does everything"
	}
	if boringCrypto() {
		return false, "built with GOEXPERIMENT=boringcrypto: that module does everything"
	}
	return ifma.Supported()
}

// New returns an engine of its own. It works everywhere; where Supported is false it is no faster than package workers.
// Close it when it is no longer needed.
func New(o Options) (*engine.Engine, error) {
	c := engine.Config{
		Name:     "multibuffer",
		MaxBatch: ifma.MaxBatch,
		Workers:  o.Workers,
		Depth:    o.Depth,
		Nice:     o.Nice,
		Direct:   true,
	}
	h := new(handler)
	c.Handler = h.handle
	c.Figures = h.figures
	if ok, _ := Supported(); ok && !o.Standard {
		c.Prepare = prepare
	} else {
		c.Prepare = check
		c.MaxBatch = 1 // nothing gains by company
	}
	return engine.New(c)
}

func (h *handler) figures(s *engine.Stats) {
	s.Vectorized, s.Recomputed = h.vectorized.Load(), h.recomputed.Load()
}

var shared = sync.OnceValue(func() *engine.Engine {
	e, err := New(Options{})
	if err != nil {
		panic(err) // the zero Options can't be wrong
	}
	return e
})

// Default returns the engine that the process shares, made on first use. Don't close it: it is everybody's.
func Default() *engine.Engine { return shared() }

// Signer wraps key with the default engine. The errors are those of Engine.Signer. An RSA key that its Validate method
// refuses is refused here too: a signature by it could give its primes away. A key that the lanes don't take is no error.
func Signer(key crypto.Signer) (engine.Signer, error) { return Default().Signer(key) }
