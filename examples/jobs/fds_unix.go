//go:build unix

package main

import (
	"asynccrypto/async"
	"asynccrypto/engine"

	"golang.org/x/sys/unix"
)

// fds sets no callback, so that the engine makes a wait fd of each session readable. A session
// keeps its fd for all its jobs, until it is closed. The fd is the engine's: never read, write
// or close it.
//
// poll takes the whole list each time, which AllFDs gives. A loop on epoll or kqueue registers
// an fd once: after each pause ChangedFDs tells it which fds to remove and to add.
func fds(pool *async.Pool, signer engine.Signer) (done []*session, err error) {
	var paused []*session
	for i := range sessions {
		s := newSession(i)
		outcome, err := s.start(pool, signer)
		if err != nil {
			return nil, err
		}
		if outcome == async.Paused {
			paused = append(paused, s)
		} else {
			done = append(done, s)
		}
	}
	for len(paused) > 0 {
		var list []unix.PollFd
		for _, s := range paused {
			fd := s.AllFDs(nil)[0] // one for each engine, of which there is one
			list = append(list, unix.PollFd{Fd: int32(fd), Events: unix.POLLIN})
		}
		if _, err := unix.Poll(list, -1); err != nil && err != unix.EINTR {
			return nil, err
		}
		var still []*session
		for i, s := range paused {
			if list[i].Revents == 0 {
				still = append(still, s)
				continue
			}
			// Resuming also clears the wake: the fd is no longer
			// readable afterwards.
			outcome, err := s.job.Resume()
			if err != nil {
				return nil, err
			}
			if outcome == async.Paused {
				still = append(still, s)
				continue
			}
			done = append(done, s)
			s.Close() // the engine closes its fd
		}
		paused = still
	}
	return done, nil
}
