// Package workers is an engine that runs any blocking operation on a fixed number of goroutines. A
// signature by a wrapped key runs that key's own Sign method, and the key may be of any kind: a
// key of the standard library, of an HSM, or of a key service (KMS).
//
// So this package is enough for a key service: give the key a Sign method that makes the blocking
// call, and wrap the key once. The example KeyService is a complete program.
//
//	eng, err := workers.New(workers.Options{Workers: 64}) // 64 calls at once
//	signer, err := eng.Signer(key)                        // a crypto.Signer
//
// Verifications and key agreements run on the workers too (see [engine.Engine.Verifier] and
// [engine.Engine.KeyExchanger]), by the standard library.
//
// The engine makes no operation faster. It provides a bounded queue, and workers that run at low
// priority if you set Nice. Many handshakes, or calls to an HSM, then wait in a bounded queue,
// instead of occupying every processor or a thread each.
package workers

import "asynccrypto/engine"

// Options are the options of [New]. The zero value is ready for use.
type Options struct {
	// Workers is how many operations run at once; 0 means GOMAXPROCS. For operations that compute,
	// more workers gain nothing. For operations that wait, such as calls to a key service, use as
	// many workers as the service handles calls at once.
	Workers int
	// Depth bounds the operations that are queued or running; 0 means 16 for each worker. Further
	// operations wait in line.
	Depth int
	// Nice, on Linux, lowers the priority of the workers' threads by this much, 1 to 19, so that
	// the rest of the program goes first; 10 is a good value. On other systems New returns an
	// error unless it is 0.
	Nice int
}

// New returns an engine that runs operations on workers. Call Close when done. The errors are
// those of [engine.New] for these options.
func New(o Options) (*engine.Engine, error) {
	return engine.New(engine.Config{
		Name:    "workers",
		Handler: run,
		Workers: o.Workers,
		Depth:   o.Depth,
		Nice:    o.Nice,
	})
}

func run(batch []*engine.Request) {
	for _, r := range batch {
		r.Run()
	}
}
