//go:build unix

package asynctls_test

import (
	"testing"

	"golang.org/x/sys/unix"

	"asynccrypto/async"
	"asynccrypto/asynctls"
	"asynccrypto/asynctls/internal/tlstest"
)

// Without a callback the engine's wait fd tells when to go on: it is among those that changed,
// once, becomes readable when the result is there, and goes with the handshake.
func TestWaitFDs(t *testing.T) {
	e, gate := newGate(t)
	sc, cc := tlstest.Configs(t, e)
	o := &asynctls.Options{Pool: newPool(t, 0)}
	s, c := newSide(t, asynctls.NewServerConn, sc, o), newSide(t, asynctls.NewClientConn, cc, o)
	s.SetAsyncCallback(nil, nil)
	for !s.WaitingForAsync() {
		c.Handshake()
		carry(c, s, 1<<20)
		if err := s.Handshake(); err != asynctls.ErrWantRead && err != asynctls.ErrWantAsync {
			t.Fatal(err)
		}
	}
	added, deleted := s.ChangedAsyncFDs(nil, nil)
	all := s.AllAsyncFDs(nil)
	if len(added) != 1 || len(deleted) != 0 || len(all) != 1 || added[0] != all[0] || s.AsyncStatus() != async.StatusOK {
		t.Fatal(added, deleted, all, s.AsyncStatus())
	}
	if readable(t, all[0], 0) {
		t.Error("readable before the result is there")
	}
	if err := s.Handshake(); err != asynctls.ErrWantAsync { // too early
		t.Error(err)
	}
	if added, deleted := s.ChangedAsyncFDs(nil, nil); len(added)+len(deleted) > 0 {
		t.Error("reported twice:", added, deleted)
	}
	gate <- nil
	if !readable(t, all[0], 10000) {
		t.Fatal("no wake")
	}
	if sErr, cErr := handshake(t, s, c, 1<<20); sErr != nil || cErr != nil {
		t.Error(sErr, cErr)
	}
	if fds := s.AllAsyncFDs(nil); len(fds) > 0 {
		t.Error(fds)
	}
}

func readable(t *testing.T, fd async.FD, ms int) bool {
	t.Helper()
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, ms)
	if err != nil {
		t.Fatal(err)
	}
	return n == 1
}
