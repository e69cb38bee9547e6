package multibuffer

import (
	"context"
	"crypto"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"asynccrypto/engine"
	"asynccrypto/internal/ifma"
)

// Verification is a signature for [VerifyBatch] to verify.
type Verification struct {
	// Key is a public key as [engine.Engine.Verifier] takes it, or a Verifier of any of this
	// package's engines. Use a Verifier for a key that verifies often: it is prepared.
	Key crypto.PublicKey
	// Digest, Signature and Opts are the arguments of [engine.Verifier].Verify.
	Digest, Signature []byte
	Opts              crypto.SignerOpts
}

// VerifyBatch verifies many signatures at once, of any mixture of keys and algorithms. Element i of
// the result is nil if signature i is valid. Otherwise it is the error that a Verifier's Verify
// returns for it. With a key that [engine.Engine.Verifier] refuses, it is [engine.ErrVerification]
// if the key is no point of its curve, else another error.
//
// VerifyBatch computes on the caller's goroutine, and on the default engine's workers as far as
// they are idle. It is the fastest way for a caller that has many signatures at hand, such as the
// entries of a log or the messages of a queue. It does not change batch, which must not change
// until VerifyBatch returns.
//
// VerifyBatch blocks, also in a job. If the context that a Verifier is bound to is done before a
// signature's turn comes, that signature is not verified and its error is the context's. So to be
// able to stop a long batch, bind its Verifiers to a context.
//
// The [engine.Stats] of the default engine count the operations that are computed eight at a time in
// Vectorized and in Kinds, and nowhere else: they pass no queue. The standard library's are
// operations of the kind alone like any other.
func VerifyBatch(batch []Verification) []error {
	b := newVerifyBatch(batch)
	for range min(len(b.groups), runtime.GOMAXPROCS(0)) - 1 {
		select {
		case helpers <- struct{}{}:
			go func() {
				defer func() { <-helpers }()
				// Runs on this goroutine if the engine has an idle worker, else when one gets to
				// it.
				Default().Do(context.Background(), engine.Func(func() error { b.work(); return nil }))
			}()
		default: // enough of them wait for a worker already
		}
	}
	b.work()
	b.left.Wait()
	return b.errs
}

// helpers bounds the goroutines that wait to help a VerifyBatch.
var helpers = make(chan struct{}, runtime.GOMAXPROCS(0))

// verifyBatch is the work of one call of VerifyBatch, in groups that several goroutines take.
type verifyBatch struct {
	ops    []*engine.VerifyOp // nil where there is no operation, but an error
	ctxs   []context.Context  // of the operations
	errs   []error
	groups [][]int        // operations that share a pass, or one that shares none
	next   atomic.Int64   // the first group that nobody has taken
	left   sync.WaitGroup // counts the groups that are not done
}

// errNotDone stands for the error of an operation until there is one. It is left in place only if
// the goroutine that verifies exits, which a hash function of the program's own can make it do.
var errNotDone error = &engine.PanicError{Value: "runtime.Goexit"}

func newVerifyBatch(batch []Verification) *verifyBatch {
	b := &verifyBatch{
		ops:  make([]*engine.VerifyOp, len(batch)),
		ctxs: make([]context.Context, len(batch)),
		errs: make([]error, len(batch)),
	}
	var open [len(kinds)][]int
	for i, v := range batch {
		op, ctx, err := newVerifyOp(v)
		if err != nil {
			b.errs[i] = err
			continue
		}
		b.ops[i], b.ctxs[i], b.errs[i] = op, ctx, errNotDone
		k := kindOf(op)
		open[k] = append(open[k], i)
		if k == alone || len(open[k]) == ifma.Lanes {
			b.groups = append(b.groups, open[k])
			open[k] = nil
		}
	}
	for _, items := range open {
		if len(items) > 0 {
			b.groups = append(b.groups, items)
		}
	}
	b.left.Add(len(b.groups))
	return b
}

// newVerifyOp returns the operation of v and its context. The operation shares the input with the
// caller, because the caller waits for it.
func newVerifyOp(v Verification) (*engine.VerifyOp, context.Context, error) {
	if wrapped, ok := v.Key.(engine.Verifier); ok {
		return engine.NewVerifyOp(wrapped, v.Digest, v.Signature, v.Opts)
	}
	return &engine.VerifyOp{
		Key: v.Key, Digest: v.Digest, Signature: v.Signature, Opts: v.Opts, Prepared: publicKey(v.Key),
	}, context.Background(), nil
}

// work takes groups until there are none.
func (b *verifyBatch) work() {
	for {
		i := int(b.next.Add(1)) - 1
		if i >= len(b.groups) {
			return
		}
		b.run(b.groups[i])
	}
}

// run computes a group.
func (b *verifyBatch) run(items []int) {
	defer b.left.Done()
	items = b.wanted(items)
	if len(items) == 0 {
		return
	}
	others := items
	if k := defaultHandler().kindIfPays(b.ops[items[0]], len(items)); k != alone {
		others = b.compute(k, items)
	}
	for _, i := range others {
		b.ops[i].Prepared = nil // the standard library verifies
		b.errs[i] = Default().Do(context.Background(), b.ops[i])
	}
}

// wanted returns the items whose contexts are not done, and stores the errors of the others. It
// overwrites items.
func (b *verifyBatch) wanted(items []int) []int {
	return slices.DeleteFunc(items, func(i int) bool {
		err := b.ctxs[i].Err()
		if err != nil {
			b.errs[i] = err
		}
		return err != nil
	})
}

// compute computes operations of kind k in lanes, and returns those that are left to the standard
// library. A panic in a hash function of the program's own is such an operation's: it comes again.
func (b *verifyBatch) compute(k kind, items []int) (others []int) {
	p := getPass(k)
	defer putPass(k, p)
	lanes := make([]int, 0, ifma.Lanes)
	for _, i := range items {
		if returnsTrue(func() bool { return p.add(len(lanes), b.ops[i]) }) {
			lanes = append(lanes, i)
		} else {
			others = append(others, i)
		}
	}
	defaultHandler().compute(k, p, len(lanes), func(lane int, done bool) {
		i := lanes[lane]
		if !done || !returnsTrue(func() bool { b.errs[i] = p.finish(lane); return true }) {
			others = append(others, i)
		}
	})
	if n := len(items) - len(others); n > 0 {
		defaultHandler().countVerifyBatch(k, n)
	}
	return others
}

// returnsTrue calls f and returns its result, or false if f panics.
func returnsTrue(f func() bool) bool {
	defer func() { _ = recover() }()
	return f()
}
