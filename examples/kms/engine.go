package main

import "asynccrypto/engine"

// newEngine is the engine that completes later: its handler sends each request off and returns,
// so that one worker serves as many requests as the service can have in hand. It has two
// advantages over workers.New. The request's context reaches the service's client: when nobody
// waits for the answer any more, because the caller's time is over or its TLS client has left,
// the call is taken back. And a client with callbacks needs no goroutine for each request at all.
func newEngine(inHand int) (*engine.Engine, error) {
	return engine.New(engine.Config{
		Name:    "kms",
		Workers: 1,
		Depth:   inHand, // bounds the requests at the service: one counts until it is completed
		Handler: handle,
	})
}

// handle begins the operations of a batch. Each request is completed exactly once, whatever
// happens.
func handle(batch []*engine.Request) {
	for _, r := range batch {
		op, ok := r.Op().(*engine.SignOp)
		if !ok {
			r.Run() // other operations, such as an engine.Func: here, the ordinary way
			continue
		}
		key, ok := op.Key.(*remoteKey)
		if !ok {
			r.Run() // a key that is not the service's
			continue
		}
		if _, ok := op.Opts.(*engine.ECDSAOptions); ok {
			go r.Run() // it gives the signature the form that these options ask for
			continue
		}
		// net/http blocks, so it takes a goroutine. A client with callbacks would be told to
		// call this function.
		go func() {
			var err error
			op.Signature, err = key.sign(r.Context(), op.Digest, op.Opts)
			r.Complete(err) // wakes the job, or the goroutine, that waits
		}()
	}
}
