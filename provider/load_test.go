//go:build linux

package provider

import (
	"crypto/tls"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"asynccrypto/engine/multibuffer"
	"asynccrypto/internal/testwait"
)

// load is clients that make handshakes, some at a time, each with a request.
type load struct {
	s            *site
	left         atomic.Int64
	begun, ended atomic.Int64
	failure      atomic.Pointer[error] // of one that failed
	workers      sync.WaitGroup
}

// load begins to make n handshakes of the versions, eight at a time. Each of the eight begins its next one
// after the pause, which leaves the processors to the program.
func (s *site) load(n int, pause time.Duration, versions ...uint16) *load {
	l := &load{s: s}
	l.left.Store(int64(n))
	for i := range 8 {
		config := clientConfig(versions[i%len(versions)])
		l.workers.Go(func() {
			for l.left.Add(-1) >= 0 {
				l.begun.Add(1)
				if _, err := s.connect(s.addr, config); err != nil {
					err = fmt.Errorf("%s: %w", tls.VersionName(config.MaxVersion), err)
					l.failure.Store(&err)
					l.left.Store(0)
				}
				l.ended.Add(1)
				time.Sleep(pause)
			}
		})
	}
	s.t.Cleanup(l.end)
	return l
}

// more waits for n more handshakes.
func (l *load) more(n int) {
	l.s.t.Helper()
	want := l.ended.Load() + int64(n)
	testwait.Await(l.s.t, "handshakes", func() bool { return l.failure.Load() != nil || l.ended.Load() >= want })
	l.check()
}

// stuck waits until all connections wait for the key server, which is away: none ends for a while.
func (l *load) stuck() {
	l.s.t.Helper()
	last, since := int64(-1), 0
	testwait.Await(l.s.t, "handshakes to wait for the key server", func() bool {
		ended := l.ended.Load()
		if since++; ended != last || l.begun.Load() == ended {
			last, since = ended, 0
		}
		return since > 50
	})
}

// check ends the test if a handshake has failed.
func (l *load) check() {
	l.s.t.Helper()
	if err := l.failure.Load(); err != nil {
		l.end()
		l.s.fatal("after %d handshakes: %v", l.ended.Load(), *err)
	}
}

// end waits for the handshakes under way. It may be called again.
func (l *load) end() {
	l.left.Store(0)
	l.workers.Wait()
}

// finish is end, and none of the handshakes may have failed.
func (l *load) finish() {
	l.s.t.Helper()
	l.end()
	l.check()
}

// survives has the key server be killed, stopped and restarted under load. No handshake fails. If
// handshakes are jobs, another connection is served meanwhile.
func (s *site) survives(jobs bool) {
	s.t.Helper()
	var open *tls.Conn
	if jobs {
		var err error
		if open, err = s.dial(s.addr, clientConfig(versions...)); err != nil {
			s.fatal("%v", err)
		}
		defer open.Close()
	}
	l := s.load(math.MaxInt, 50*time.Millisecond, versions...)
	for range repetitions(1, 2) {
		l.more(50)
		s.k.signal(syscall.SIGSTOP)
		l.stuck()
		if open != nil {
			if err := keepAlive(open); err != nil {
				s.fatal("an open connection waits for others' handshakes: %v", err)
			}
		}
		s.k.signal(syscall.SIGCONT)
		l.more(50)
		if jobs {
			s.signsTogether()
		}
		s.k.signal(syscall.SIGKILL)
		l.stuck()
		s.k.start()
		l.more(50)
		s.k.end(syscall.SIGTERM)
		s.k.start()
	}
	l.more(50)
	l.finish()
}

// signsTogether checks that the key server, where it computes several signatures at once, has done so.
func (s *site) signsTogether() {
	s.t.Helper()
	signatures, batches := s.k.metric("asynccrypto_engine_batch_size_sum"), s.k.metric("asynccrypto_engine_batch_size_count")
	if ok, _ := multibuffer.Supported(); ok && batches >= signatures {
		s.t.Errorf("%.0f signatures in %.0f batches", signatures, batches)
	}
}

// reloads has the server read its configuration again n times under load. No handshake fails.
func (s *site) reloads(n int, reload func()) {
	s.t.Helper()
	l := s.load(math.MaxInt, 50*time.Millisecond, versions...)
	for range n {
		reload()
		l.more(3)
	}
	l.finish()
}
