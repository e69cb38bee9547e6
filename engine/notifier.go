package engine

import (
	"fmt"
	"runtime"
	"sync"

	"asynccrypto/async"
	"asynccrypto/engine/internal/waitfd"
)

// notifier is an engine's wait fd for one session: the same for the session's life, readable while a request of the
// session's is done and not yet seen. The engine writes and closes it under one mutex, so that a late wake can't reach
// an fd that has been given to somebody else.
type notifier struct {
	mu     sync.Mutex
	fd     waitfd.FD
	done   int // requests signaled and not seen; two jobs may share the session
	closed bool
	lost   runtime.Cleanup // closes the fd of a session that was dropped, not closed
}

// attach gives r its session's notifier, making it if that is how the session is going to be woken. The job holds its
// session here.
func (r *Request) attach() error {
	if r.w == nil {
		return nil
	}
	_, data, _ := r.w.FD(r.e)
	if n, ok := data.(*notifier); ok { // else there is none, or the application has used the engine as a key of its own
		r.n = n
		return nil
	}
	if _, _, ok := r.w.Callback(); ok {
		return nil
	}
	if r.e.isClosed() { // submit would say so, but for a closed engine no fd is to be made
		return ErrClosed
	}
	fd, err := waitfd.New()
	if err != nil {
		return fmt.Errorf("engine %q: no wait fd: %w", r.e.name, err)
	}
	r.n = &notifier{fd: fd}
	r.n.lost = runtime.AddCleanup(r.n, waitfd.FD.Close, fd)
	r.w.SetWaitFD(r.e, fd.Readable(), r.n, closeNotifier)
	return nil
}

// setStatus leaves word on the session.
func (r *Request) setStatus(s async.Status) {
	if r.w != nil {
		r.w.SetStatus(s)
	}
}

// wakeJob wakes whoever is to resume the job, by its callback if there is one. A callback that panics is the operation's
// error; the fd, if there is one, is then the only way left to say so.
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

// signal makes the fd readable for r, unless its job has seen the result meanwhile.
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

// forget takes back r's signal, if it has given one, or will.
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

// closeNotifier is the CleanupFunc of a session's record.
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
