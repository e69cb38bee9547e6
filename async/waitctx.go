package async

import (
	"sync/atomic"

	"asynccrypto/internal/list"
)

// noCopy makes go vet report copies.
type noCopy struct{}

func (*noCopy) Lock()   {}
func (*noCopy) Unlock() {}

// CleanupFunc gives an engine the opportunity to close its fd when the session ends. [WaitCtx.Close] calls it, the
// newest record first, for the records that were not cleared. It may use w as it likes, also clear its own record.
type CleanupFunc func(w *WaitCtx, key any, fd FD, data any)

// WaitCtx is one asynchronous session, a set of related operations such as those of a TLS connection
// (ASYNC_WAIT_CTX). It outlives its jobs: use it for one after the other, then Close it. The zero value is ready; embed
// it in what stands for your session. Do not copy it.
//
// It belongs to one goroutine at a time: the job's while a job runs on it, else whoever started or resumed that job.
// The switch between the two orders their accesses, so nothing is locked; only Callback may be called from anywhere.
// Two jobs on one WaitCtx at once, which the manual page forbids and OpenSSL's own tests do, are possible when one
// goroutine drives both. They then share the fds, the marks of what changed (resuming either of them resets all), the
// status and the callback.
type WaitCtx struct {
	_        noCopy
	callback atomic.Pointer[callback]
	jobs     list.List[*coro] // the paused jobs on this session, newest first, for Close to cancel
	fds      fdList
	status   Status
	closing  bool
}

type callback struct {
	fn  func(arg any)
	arg any
}

// NewWaitCtx returns new(WaitCtx) (ASYNC_WAIT_CTX_new).
func NewWaitCtx() *WaitCtx { return new(WaitCtx) }

// SetWaitFD associates a wait fd with the session (ASYNC_WAIT_CTX_set_wait_fd). The key stands for the engine: use a
// pointer. It must be comparable, as a map's key must. An equal key is not looked for: the new record hides the older
// one until it is cleared. data comes back from FD and goes to cleanup, which may be nil.
func (w *WaitCtx) SetWaitFD(key any, fd FD, data any, cleanup CleanupFunc) {
	w.fds.add(key, fd, data, cleanup)
}

// FD returns the newest record with that key (ASYNC_WAIT_CTX_get_fd); without one it returns InvalidFD, nil, false.
func (w *WaitCtx) FD(key any) (fd FD, data any, ok bool) {
	if r, _ := w.fds.find(key); r != nil {
		return r.fd, r.data, true
	}
	return InvalidFD, nil, false
}

// ClearFD removes the newest record with that key, without calling its cleanup: closing the fd is up to the caller
// (ASYNC_WAIT_CTX_clear_fd). It returns false when there is none.
func (w *WaitCtx) ClearFD(key any) bool { return w.fds.clear(key) }

// AllFDs appends the session's fds to dst, newest first (ASYNC_WAIT_CTX_get_all_fds). They stay their engines'.
func (w *WaitCtx) AllFDs(dst []FD) []FD { return w.fds.all(dst) }

// ChangedFDs appends what was added and what was deleted since a paused job was last resumed, each newest first
// (ASYNC_WAIT_CTX_get_changed_fds). Call it when Start or Resume has returned Paused. What was added and deleted
// within that stretch is in neither list. An fd that was deleted and set again is in both: apply the deletions before
// the additions. Reading resets nothing. What a job changed in its last stretch is told again at the next pause.
func (w *WaitCtx) ChangedFDs(add, del []FD) (added, deleted []FD) { return w.fds.changed(add, del) }

// SetCallback sets the function that an engine calls instead of signaling a wait fd, and its argument
// (ASYNC_WAIT_CTX_set_callback); nil unsets it. An engine calls what is set when the operation completes, so the
// callback may be set, changed and unset while an operation is in flight. As with a time.Timer's Stop, a call already
// begun may still be running when SetCallback or Close returns.
//
// fn runs on an engine's goroutine, perhaps before Start or Resume has returned Paused. It must be short, must not
// block and must not resume the job itself: let it tell the goroutine that does.
func (w *WaitCtx) SetCallback(fn func(arg any), arg any) {
	if fn == nil {
		w.unsetCallback()
		return
	}
	w.callback.Store(&callback{fn, arg})
}

// unsetCallback looks before it stores: the store alone would be most of what an idle Close costs.
func (w *WaitCtx) unsetCallback() {
	if w.callback.Load() != nil {
		w.callback.Store(nil)
	}
}

// Callback returns what SetCallback set (ASYNC_WAIT_CTX_get_callback); ok is false when nothing is. Any goroutine may
// call it.
func (w *WaitCtx) Callback() (fn func(arg any), arg any, ok bool) {
	if c := w.callback.Load(); c != nil {
		return c.fn, c.arg, true
	}
	return nil, nil, false
}

// SetStatus is how an engine leaves word for the application (ASYNC_WAIT_CTX_set_status). It takes any number.
func (w *WaitCtx) SetStatus(s Status) { w.status = s }

// Status returns the engine's word about its last submission (ASYNC_WAIT_CTX_get_status).
func (w *WaitCtx) Status() Status { return w.status }

// Close ends the session (ASYNC_WAIT_CTX_free). It unsets the callback, cancels the jobs that are paused on w (they run
// to their end here, on the caller's goroutine; see [Job.Cancel]), then calls the cleanups, newest first. After it w is
// the zero value and may be used again. A job that is just running on w, which can only be the caller's own, goes on.
// Called again, also from a cleanup, it does nothing. The error is always nil; it is there for io.Closer.
func (w *WaitCtx) Close() error {
	w.unsetCallback()
	if w.jobs.Len() == 0 && w.fds.n == 0 {
		w.status = StatusUnsupported
		return nil
	}
	w.closeUsed()
	return nil
}

func (w *WaitCtx) closeUsed() {
	if w.closing {
		return
	}
	w.closing = true
	defer func() { w.closing = false }()  // also when a cleanup panics: the next Close goes on after it
	for w.jobs.Len() > 0 || w.fds.n > 0 { // a cleanup may have started a job, and that have paused
		for n := w.jobs.Front(); n != nil; n = w.jobs.Front() {
			c := n.Value
			c.unlink() // a job that is running stays off the list
			Job{c, c.word.Load() &^ flagBits}.cancelPaused()
		}
		w.fds.cleanUp(w)
	}
	w.unsetCallback() // by then a job or a cleanup may have set one
	w.status = StatusUnsupported
}
