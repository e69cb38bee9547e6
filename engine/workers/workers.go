// Package workers is the engine for everything: it runs any blocking operation on a bounded set of goroutines, each the
// ordinary way, with the standard library or whatever the key is made of.
//
// It makes nothing faster. What it gives is a bound, and an order of precedence: a flood of handshakes or of calls to an
// HSM waits in a queue of known length instead of taking every processor or a thread each.
package workers

import "asynccrypto/engine"

// Options describe the workers to New. The zero value is ready.
type Options struct {
	// Workers is how many operations run at once; 0 means GOMAXPROCS. For operations that compute, more gains nothing.
	// For those that wait, such as calls to a remote signer, take as many as it can have in hand.
	Workers int
	// Depth bounds the operations that are queued or running; 0 means 16 for each worker. Others wait in line.
	Depth int
	// Nice, on Linux, puts the workers on threads of their own at a priority that is lower by this much (1 to 19), so
	// that what the rest of the program does comes first. 10 is a good value. Elsewhere New returns an error.
	Nice int
}

// New returns an engine that runs operations on workers. Close it when it is no longer needed.
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
