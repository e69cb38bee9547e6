package engine

import (
	"fmt"
	"runtime"
	"sync"

	"asynccrypto/async"
	"asynccrypto/engine/internal/waitfd"
)

// notifier is an engine's wait fd for one session. It stays the same for the session's life, and
// is readable while a request of the session is done and its job has not seen the result. The
// engine signals and closes the fd under one mutex, so that a late wake cannot reach another file
// that has been given the fd's number.
type notifier struct {
	mu     sync.Mutex
	fd     waitfd.FD
	done   int // requests signaled and not seen by their jobs; several jobs may share the session
	closed bool
	lost   runtime.Cleanup // closes the fd of a session that was dropped, not closed
}

// attach gives r its session's notifier. It makes one if there is none and the session will be
// woken by its fd. The job is running, so it owns the session.
func (r *Request) attach() error {
	if r.w == nil {
		return nil
	}
	_, data, _ := r.w.FD(r.e)
	if n, ok := data.(*notifier); ok { // not if the application has used the engine as a key itself
		r.n = n
		return nil
	}
	if _, _, ok := r.w.Callback(); ok {
		return nil
	}
	if r.e.isClosed() { // submit reports that too, but a closed engine must not make an fd
		return ErrClosed
	}
	fd, err := waitfd.New()
	if err != nil {
		return fmt.Errorf("engine %q: cannot make a wait fd: %w", r.e.name, err)
	}
	r.n = &notifier{fd: fd}
	r.n.lost = runtime.AddCleanup(r.n, waitfd.FD.Close, fd)
	r.w.SetWaitFD(r.e, fd.Readable(), r.n, closeNotifier)
	return nil
}

// setStatus sets the status of the session, if there is one.
func (r *Request) setStatus(s async.Status) {
	if r.w != nil {
		r.w.SetStatus(s)
	}
}

// wakeJob wakes the application that is to resume the job, by the callback fn, or by the wait fd
// if fn is nil. A panic in the callback is the operation's error; the fd, if there is one, is
// then the only way left to wake.
func (r *Request) wakeJob(fn func(any), arg any) {
	if fn == nil {
		r.n.signal(r)
		return
	}
	guard(func() { fn(arg) }, func(p *PanicError) {
		r.wakeErr.Store(p)
		r.n.signal(r)
	})
}

// signal makes the fd readable for r, unless its job has seen the result in the meantime.
func (n *notifier) signal(r *Request) {
	if n == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed || r.state.Load() != waking {
		return
	}
	r.signaled = true
	if n.done++; n.done == 1 {
		n.fd.Signal()
	}
}

// forget takes back r's signal, if r has given one. If r has not, it never will: its state is
// over.
func (n *notifier) forget(r *Request) {
	if n == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed || !r.signaled {
		return
	}
	r.signaled = false
	if n.done--; n.done == 0 {
		n.fd.Clear()
	}
}

// closeNotifier is the [async.CleanupFunc] of a session's wait fd.
func closeNotifier(_ *async.WaitCtx, _ any, _ async.FD, data any) { data.(*notifier).close() }

func (n *notifier) close() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.closed {
		n.closed = true
		n.lost.Stop()
		n.fd.Close()
	}
}
