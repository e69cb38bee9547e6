package reactor

import (
	"errors"
	"fmt"
	"slices"

	"asynccrypto/async"
)

// AddFDs watches a wait context by its wait fds, for engines that do not support callbacks. ready
// runs once a turn while one of the fds is readable (level-triggered). So let ready resume the
// job, which makes the fds unreadable again. Call [Watch.Changed] each time the job has paused. An
// fd may belong to several wait contexts; then the ready functions of all of them run. The caller
// must own w, as for [async.WaitCtx.AllFDs]. The error is [ErrClosed] or the system's error for
// one of the fds; then nothing is watched.
func (l *Loop) AddFDs(w *async.WaitCtx, ready func()) (*Watch, error) {
	if l.closed.Load() {
		return nil, ErrClosed
	}
	watch := &Watch{l: l, ready: ready, ctx: w, byFDs: true}
	var errs []error
	for _, fd := range w.AllFDs(nil) {
		errs = append(errs, l.join(watch, fd))
	}
	if err := errors.Join(errs...); err != nil {
		watch.Remove()
		return nil, err
	}
	return watch, nil
}

// Changed watches the fds that the job has added since it was last resumed, and stops watching
// those that it has deleted. Call it whenever Start or Resume has returned Paused. The errors are
// those of [Loop.AddFDs]; after an error all other fds are watched. On a Watch that AddFDs did not
// return, or after Remove, Changed does nothing.
func (w *Watch) Changed() error {
	if !w.byFDs || w.ctx == nil {
		return nil
	}
	added, deleted := w.ctx.ChangedFDs(nil, nil)
	if len(deleted) > 0 {
		// Under another key the fd may still be set, or be set again. Then join finds out whether
		// it is the same file.
		all := w.ctx.AllFDs(nil)
		for _, fd := range deleted {
			if !slices.Contains(all, fd) {
				w.forget(fd)
			}
		}
	}
	var errs []error
	for _, fd := range added {
		errs = append(errs, w.l.join(w, fd))
	}
	return errors.Join(errs...)
}

func (w *Watch) forget(fd async.FD) {
	w.l.leave(w, fd)
	if i := slices.Index(w.fds, fd); i >= 0 {
		w.fds = slices.Delete(w.fds, i, i+1)
	}
}

// waitFD is an fd of one or more watches.
type waitFD struct {
	registration
	watches []*Watch
}

// waitFD returns the wait fd with that number, or nil if there is none.
func (l *Loop) waitFD(fd async.FD) *waitFD {
	f := l.waitFDs[fd]
	if f != nil && l.fds.at(fd) != &f.registration { // it was closed, and a Socket has the number now
		delete(l.waitFDs, fd)
		return nil
	}
	return f
}

func (f *waitFD) wake(Events) {
	for _, w := range f.watches {
		w.Wake() // ready runs in this turn, once, even if several fds of w are readable
	}
}

// join makes fd one of w's.
func (l *Loop) join(w *Watch, fd async.FD) error {
	old, f := l.waitFD(fd), &waitFD{watches: []*Watch{w}}
	f.event = f.wake
	switch err := l.watch(fd, &f.registration, false); {
	case err == nil:
		l.waitFDs[fd] = f
	case old == nil || !errors.Is(err, errWatched):
		return fmt.Errorf("reactor: wait fd %d: %w", fd, err)
	case !slices.Contains(old.watches, w):
		old.watches = append(old.watches, w)
	}
	if !slices.Contains(w.fds, fd) {
		w.fds = append(w.fds, fd)
	}
	return nil
}

// leave undoes join. The fd may have been closed, and its number may belong to another file by
// now.
func (l *Loop) leave(w *Watch, fd async.FD) {
	f := l.waitFD(fd)
	if f == nil {
		return
	}
	i := slices.Index(f.watches, w)
	if i < 0 {
		return
	}
	f.watches = slices.Delete(f.watches, i, i+1)
	if len(f.watches) == 0 {
		l.unwatch(&f.registration, false)
		delete(l.waitFDs, fd)
	}
}
