// Package multibuffer is an engine that computes RSA signatures eight at a time.
//
// On a CPU with AVX-512 IFMA (Intel since Ice Lake, AMD since Zen 4) one stream of instructions
// computes eight private-key operations in about the time that the standard library takes for
// one. Wrap a key with it to sign several times as fast on each core:
//
//	signer, err := multibuffer.Signer(key)
//
// Signatures with different keys, and for different callers, are computed together. A batch never
// waits to be filled: an idle worker takes the requests that are queued. A single request is a
// batch of one, which is still faster than the standard library.
//
// # Which operations are vectorized
//
// Signatures by an [*rsa.PrivateKey] of 2048, 3072 or 4096 bits with two primes: PKCS #1 v1.5 and
// PSS, with every hash and salt length that crypto/rsa accepts, given as a [crypto.Hash] or an
// [*rsa.PSSOptions]. A PKCS #1 v1.5 signature equals crypto/rsa's byte for byte.
//
// The standard library computes everything else, on the same workers: decryption, operations with
// other keys, PSS with a reader other than crypto/rand's, and every [engine.Func]. Where
// [Supported] returns false it computes the signatures, too. Callers see no difference.
// [engine.Stats].Vectorized counts the vectorized operations.
//
// An elliptic-curve operation is too short to gain from a change of threads. So while the engine
// is idle the operation runs on the caller's goroutine, also in a job (see
// [engine.Config].Direct). One event loop then keeps one core busy with such operations: run as
// many loops as there are cores.
//
// # Safety
//
// The kernels are constant in time: no branch and no address depends on a secret. Each result is
// checked with the public exponent before it leaves, and if it is wrong the standard library
// computes it again. The engine holds a copy of each key and wipes it when its signer is closed
// or garbage. An RSA key that its Validate method refuses cannot be wrapped. That includes a key
// without its primes, with which crypto/rsa would sign. Nobody has audited this; see SECURITY.md.
package multibuffer

import (
	"crypto"
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
}

// Supported reports whether this process computes signatures eight at a time, and if not, why:
// the CPU, the build, the environment, crypto/fips140 or BoringCrypto. reason is "" if ok. The
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
		c.MaxBatch = 1 // no operation gains from a batch
	}
	return engine.New(c)
}

func (h *handler) figures(s *engine.Stats) {
	s.Vectorized, s.Recomputed = h.vectorized.Load(), h.recomputed.Load()
}

var shared = sync.OnceValue(func() *engine.Engine {
	e, err := New(Options{})
	if err != nil {
		panic(err) // the zero Options are valid
	}
	return e
})

// Default returns the engine that the whole process shares. It is made on first use. Do not close
// it.
func Default() *engine.Engine { return shared() }

// Signer wraps key with the default engine. Wrap a key once, when you load it, and share the
// signer. The errors are those of [engine.Engine.Signer]. An RSA key that its Validate method
// refuses is refused here too, because a signature with it could give its primes away. A key that
// cannot be vectorized is no error.
func Signer(key crypto.Signer) (engine.Signer, error) { return Default().Signer(key) }
