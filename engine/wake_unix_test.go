//go:build unix

package engine_test

import (
	"os"
	"testing"

	"asynccrypto/async"

	"golang.org/x/sys/unix"
)

// readable reports whether poll finds fd ready for reading just now.
func readable(t *testing.T, fd async.FD) bool {
	t.Helper()
	p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	if _, err := unix.Poll(p, 0); err != nil {
		t.Fatal(err)
	}
	return p[0].Revents&unix.POLLIN != 0
}

// "Wait context freed while an engine still holds it": the late wake is dropped. Above all it
// must not reach another file that has been given the number of the session's fd.
func TestLateWakeNeverReachesAReusedFD(t *testing.T) {
	m, pool, s := newManual(t, 8), newPool(t), newSession(t)
	s.start(pool, m.Engine, &nop{})
	fd := s.AllFDs(nil)[0]
	r := <-m.taken
	s.Close() // cancels the job, closes fd
	if out, err := s.job.Resume(); out != async.Failed || err != async.ErrStale {
		t.Fatal(out, err)
	}
	var files []*os.File // until one has taken the number over
	for len(files) < 100 {
		f, err := os.CreateTemp(t.TempDir(), "")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		files = append(files, f)
		if f.Fd() == uintptr(fd) {
			break
		}
	}
	last := files[len(files)-1]
	if last.Fd() != uintptr(fd) {
		t.Skipf("no file took over fd %d", fd)
	}
	r.Complete(nil)
	if info, err := last.Stat(); err != nil || info.Size() != 0 {
		t.Fatalf("the late wake wrote %d bytes into another file (%v)", info.Size(), err)
	}
	if n := m.Stats().Dropped; n != 1 {
		t.Error("dropped:", n)
	}
}

// A session that is dropped instead of closed gives its fd back all the same.
func TestDroppedSessionLeaksNoFD(t *testing.T) {
	m, pool := newManual(t, 8), newPool(t)
	before := openFDs(t)
	for range 20 {
		s := new(session)
		s.start(pool, m.Engine, &nop{})
		(<-m.taken).Complete(nil)
		s.resume()
		s.want(t, async.Finished, nil)
	}
	collectUntil(t, func() bool { return openFDs(t) <= before })
}

// If no fd can be made the operation is refused with the reason, and nothing is left behind.
func TestNoFDLeft(t *testing.T) {
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	m, pool, s := newManual(t, 8), newPool(t), newSession(t)
	low := old
	low.Cur = 0
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &low); err != nil {
		t.Fatal(err)
	}
	s.start(pool, m.Engine, &nop{})
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	if s.out != async.Finished || s.err == nil || s.Status() != async.StatusErr {
		t.Fatal(s.out, s.err, s.Status())
	}
	if st := m.Stats(); st.Submitted != 0 {
		t.Errorf("%+v", st)
	}
	s.start(pool, m.Engine, &nop{})
	s.want(t, async.Paused, nil)
}

// awaitReadable waits for fd as an event loop would.
func awaitReadable(t testing.TB, fd async.FD) {
	p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(p, -1)
		if n == 1 {
			return
		}
		if err != nil && err != unix.EINTR {
			t.Fatal(err)
		}
	}
}
