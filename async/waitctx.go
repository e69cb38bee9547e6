package async

import (
	"sync/atomic"

	"asynccrypto/internal/list"
)

// CleanupFunc lets an engine close its fd when the session ends. [WaitCtx.Close] calls it for each
// record that was not cleared, the newest first. It may use w as it likes, and also clear its own
// record.
type CleanupFunc func(w *WaitCtx, key any, fd FD, data any)

// WaitCtx is one asynchronous session: a set of related operations, such as those of a TLS
// connection (ASYNC_WAIT_CTX). It outlives its jobs: use it for one after another, and call Close
// when done. The zero value is ready; embed it in the type that stands for your session. Do not
// copy it.
//
// A WaitCtx is owned by the running job or, while the job is paused, by the goroutine that last
// started or resumed it. Switching to and from a job is a happens-before edge, so no lock is
// needed. Only [WaitCtx.Callback] may be called by any goroutine at any time.
//
// Two jobs on one WaitCtx at once, which the manual page forbids and OpenSSL's own tests do, are
// possible if one goroutine drives both. They then share the fds, the marks of changed fds
// (resuming either job resets all), the status and the callback.
type WaitCtx struct {
	_        noCopy
	callback atomic.Pointer[callback]
	jobs     list.List[*coro] // paused on this session, newest first; Close cancels them
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

// SetWaitFD associates a wait fd with the session (ASYNC_WAIT_CTX_set_wait_fd). The key stands for
// the engine: use a pointer. It must be comparable, as a map's key must. SetWaitFD does not look
// for an equal key: the new record hides the older one until it is cleared. [WaitCtx.FD] returns
// data, and cleanup, which may be nil, gets it.
func (w *WaitCtx) SetWaitFD(key any, fd FD, data any, cleanup CleanupFunc) {
	w.fds.add(key, fd, data, cleanup)
}

// FD returns the newest record with that key (ASYNC_WAIT_CTX_get_fd). If there is none it returns
// InvalidFD, nil, false.
func (w *WaitCtx) FD(key any) (fd FD, data any, ok bool) {
	if r, _ := w.fds.find(key); r != nil {
		return r.fd, r.data, true
	}
	return InvalidFD, nil, false
}

// ClearFD removes the newest record with that key (ASYNC_WAIT_CTX_clear_fd). It does not call the
// cleanup, so the caller closes the fd. It returns false if there is no such record.
func (w *WaitCtx) ClearFD(key any) bool { return w.fds.clear(key) }

// AllFDs appends the session's fds to dst, newest first (ASYNC_WAIT_CTX_get_all_fds). The engines
// still own them.
func (w *WaitCtx) AllFDs(dst []FD) []FD { return w.fds.all(dst) }

// ChangedFDs appends the fds added and the fds deleted since a paused job was last resumed, each
// newest first (ASYNC_WAIT_CTX_get_changed_fds). Call it when Start or Resume has returned Paused.
// An fd that was added and deleted within that time is in neither list. An fd that was deleted and
// set again is in both: apply the deletions before the additions. Reading the lists changes
// nothing. Changes after a job's last pause are reported once more at the next job's first pause.
func (w *WaitCtx) ChangedFDs(add, del []FD) (added, deleted []FD) { return w.fds.changed(add, del) }

// SetCallback sets the function that an engine calls instead of signaling a wait fd, and its
// argument (ASYNC_WAIT_CTX_set_callback). A nil fn unsets it. An engine calls the function that is
// set when the operation completes, so the callback may be set, changed and unset while an
// operation is in flight. As with the Stop of a time.Timer, a call that has begun may still be
// running when SetCallback or Close returns.
//
// fn runs on an engine's goroutine, perhaps before Start or Resume has returned Paused. It must be
// short, must not block and must not resume the job itself: let it notify the goroutine that does.
func (w *WaitCtx) SetCallback(fn func(arg any), arg any) {
	if fn == nil {
		w.unsetCallback()
		return
	}
	w.callback.Store(&callback{fn, arg})
}

// unsetCallback loads before it stores: the store alone would be most of the cost of an idle
// Close.
func (w *WaitCtx) unsetCallback() {
	if w.callback.Load() != nil {
		w.callback.Store(nil)
	}
}

// Callback returns the function and the argument that SetCallback has set
// (ASYNC_WAIT_CTX_get_callback). ok is false if none is set. Any goroutine may call it.
func (w *WaitCtx) Callback() (fn func(arg any), arg any, ok bool) {
	if c := w.callback.Load(); c != nil {
		return c.fn, c.arg, true
	}
	return nil, nil, false
}

// SetStatus sets the status with which an engine informs the application
// (ASYNC_WAIT_CTX_set_status). It takes any number.
func (w *WaitCtx) SetStatus(s Status) { w.status = s }

// Status returns the engine's report about its last submission (ASYNC_WAIT_CTX_get_status).
func (w *WaitCtx) Status() Status { return w.status }

// Close ends the session (ASYNC_WAIT_CTX_free). It unsets the callback and cancels the jobs that
// are paused on w: they run to their end here, on the caller's goroutine, see [Job.Cancel]. Then
// it calls the cleanups, newest first. After that w is the zero value and may be used again. A job
// that is running on w, which can only be the caller's own, goes on. Called again, also from a
// cleanup, Close does nothing. The error is nil or [ErrThreadLocked], with which only the callback
// is unset.
func (w *WaitCtx) Close() error {
	w.unsetCallback()
	if w.jobs.Front() == nil && w.fds.n == 0 {
		w.status = StatusUnsupported
		return nil
	}
	if checkThreads && w.elsewhere() {
		return ErrThreadLocked
	}
	w.closeUsed()
	return nil
}

// elsewhere reports whether Close would have to switch to a job whose pool is used in a
// thread-lock state other than the caller's.
func (w *WaitCtx) elsewhere() bool {
	for n := w.jobs.Front(); n != nil; n = n.Next() {
		if n.Value.word.Load()&flagPaused != 0 && n.Value.pool.elsewhere() {
			return true
		}
	}
	return false
}

func (w *WaitCtx) closeUsed() {
	if w.closing {
		return
	}
	w.closing = true
	// Also if a cleanup panics: the next Close goes on with the next record.
	defer func() { w.closing = false }()
	for w.jobs.Front() != nil || w.fds.n > 0 { // a cleanup may have started a job that has paused
		for n := w.jobs.Front(); n != nil; n = w.jobs.Front() {
			c := n.Value
			c.unlink() // a job that is running stays off the list
			Job{c, c.word.Load() &^ flagBits}.cancelPaused()
		}
		w.fds.cleanUp(w)
	}
	w.unsetCallback() // a job or a cleanup may have set one
	w.status = StatusUnsupported
}

// noCopy makes go vet report copies.
type noCopy struct{}

func (*noCopy) Lock()   {}
func (*noCopy) Unlock() {}
