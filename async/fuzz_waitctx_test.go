package async_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"asynccrypto/async"
)

// model is OpenSSL's ASYNC_WAIT_CTX: a linked list, newest first. It was written after
// crypto/async/async_wait.c and not after package async. Where that file frees twice or leaks, the
// model follows the promises of package async.
type model struct {
	head           *modelFD
	numadd, numdel int
	status         int
	callback       int // 0: unset
	log            []string
}

type modelFD struct {
	key, fd   int
	action    byte
	add, del  bool
	inCleanup bool
	next      *modelFD
}

func (m *model) set(key, fd int, action byte) {
	m.head = &modelFD{key: key, fd: fd, action: action, add: true, next: m.head}
	m.numadd++
}

func (m *model) get(key int) *modelFD {
	for r := m.head; r != nil; r = r.next {
		if !r.del && r.key == key {
			return r
		}
	}
	return nil
}

func (m *model) unlink(gone *modelFD) {
	for at := &m.head; *at != nil; at = &(*at).next {
		if *at == gone {
			*at = gone.next
			return
		}
	}
}

func (m *model) clear(key int) bool {
	r := m.get(key)
	switch {
	case r == nil:
		return false
	case r.add:
		m.numadd--
		if !r.inCleanup { // the double free
			m.unlink(r)
			return true
		}
	}
	r.del = true
	m.numdel++
	return true
}

func (m *model) reset() {
	m.numadd, m.numdel = 0, 0
	for r := m.head; r != nil; r = r.next {
		if r.del && !r.inCleanup {
			m.unlink(r)
		}
		r.add = false
	}
}

func (m *model) lists() (all, added, deleted []async.FD) {
	for r := m.head; r != nil; r = r.next {
		if !r.del {
			all = append(all, async.FD(r.fd))
		}
		if r.add && !r.del {
			added = append(added, async.FD(r.fd))
		}
		if r.del {
			deleted = append(deleted, async.FD(r.fd))
		}
	}
	return
}

// These are the things that the cleanup of a record does. Each is written twice, for the model and
// for the WaitCtx.
const (
	noCleanup = iota
	onlyLogs
	clearsOwnKey
	clearsNextKey
	setsNextKey
	setsOwnKey
	closesAgain
	cleanupActions
)

func (m *model) close() {
	for r := m.head; r != nil; r = m.head {
		if !r.del && r.action != noCleanup {
			r.inCleanup = true
			m.log = append(m.log, fmt.Sprint(r.key, " ", r.fd))
			switch r.action {
			case clearsOwnKey:
				m.clear(r.key)
			case clearsNextKey:
				m.clear(r.key + 1)
			case setsNextKey:
				m.set(r.key+1, r.fd+1000, onlyLogs)
			case setsOwnKey:
				m.set(r.key, r.fd+1000, clearsOwnKey)
			}
		}
		m.unlink(r)
	}
	log := m.log
	*m = model{log: log}
}

// session is a WaitCtx beside its model, and the job that is paused on it.
type session struct {
	t    *testing.T
	w    async.WaitCtx
	m    model
	log  []string
	ops  []byte
	fd   int
	pool *async.Pool
	job  async.Job
	end  bool // the job is to return
}

func (s *session) set(key, fd int, action byte) {
	var cleanup async.CleanupFunc
	if action != noCleanup {
		cleanup = func(w *async.WaitCtx, key any, fd async.FD, data any) {
			if data != int(fd)*3 {
				s.t.Errorf("data of fd %d is %v", fd, data)
			}
			s.log = append(s.log, fmt.Sprint(key, " ", fd))
			switch action {
			case clearsOwnKey:
				w.ClearFD(key)
			case clearsNextKey:
				w.ClearFD(key.(int) + 1)
			case setsNextKey:
				s.set(key.(int)+1, int(fd)+1000, onlyLogs)
			case setsOwnKey:
				s.set(key.(int), int(fd)+1000, clearsOwnKey)
			case closesAgain:
				w.Close()
			}
		}
	}
	s.w.SetWaitFD(key, async.FD(fd), fd*3, cleanup)
}

// run takes operations from the input: in the job until it pauses, outside to the end. There are
// few keys, so that equal ones meet.
func (s *session) run(inJob bool) {
	for len(s.ops) >= 2 {
		op, arg := s.ops[0]%10, s.ops[1]
		s.ops = s.ops[2:]
		key := int(arg & 3)
		switch op {
		case 0, 1, 2:
			action := arg >> 2 % cleanupActions
			s.fd++
			s.m.set(key, s.fd, action)
			s.set(key, s.fd, action)
		case 3, 4:
			if got, want := s.w.ClearFD(key), s.m.clear(key); got != want {
				s.t.Fatalf("ClearFD(%d): %v, want %v", key, got, want)
			}
		case 5:
			s.m.status = int(int8(arg))
			s.w.SetStatus(async.Status(s.m.status))
		case 6:
			s.m.callback = key
			if key == 0 {
				s.w.SetCallback(nil, arg)
			} else {
				s.w.SetCallback(func(arg any) { s.m.callback = -arg.(int) }, key)
			}
		case 7:
			s.m.close() // the job it runs in goes on, another one is cancelled
			if err := s.w.Close(); err != nil {
				s.t.Fatal(err)
			}
			if !inJob {
				s.start()
			}
		case 8:
			if inJob {
				return
			}
			s.resume(async.Paused)
		case 9:
			if inJob {
				s.job.Resume() // a wake that resets nothing
				continue
			}
			s.end = true
			s.resume(async.Finished)
			s.start()
		}
		s.check()
	}
}

func (s *session) start() {
	s.end = false
	s.job = startPaused(s.t, s.pool, &s.w, func(j async.Job) error {
		for {
			if err := j.Pause(); err != nil {
				return err
			}
			if s.end {
				return nil
			}
			s.run(true)
		}
	})
}

func (s *session) resume(wantOut async.Outcome) {
	s.m.reset()
	if out, err := s.job.Resume(); out != wantOut {
		s.t.Fatalf("Resume: %v, %v; want %v", out, err, wantOut)
	}
}

func (s *session) check() {
	all, added, deleted := s.m.lists()
	wantFDs(s.t, "all", s.w.AllFDs(nil), all...)
	wantChanged(s.t, &s.w, added, deleted)
	if len(added) != s.m.numadd || len(deleted) != s.m.numdel {
		s.t.Error("the model disagrees with itself")
	}
	for key := range 5 {
		fd, data, ok := s.w.FD(key)
		if r := s.m.get(key); (r != nil) != ok || r != nil && (fd != async.FD(r.fd) || data != r.fd*3) || r == nil && fd != async.InvalidFD {
			s.t.Errorf("FD(%d): %v, %v, %v; want %v", key, fd, data, ok, r)
		}
	}
	if s.w.Status() != async.Status(s.m.status) {
		s.t.Errorf("status %v, want %v", s.w.Status(), s.m.status)
	}
	fn, arg, ok := s.w.Callback()
	if set := s.m.callback; ok != (set != 0) {
		s.t.Errorf("callback set: %v, want %v", ok, set)
	} else if ok {
		if fn(arg); s.m.callback != -set {
			s.t.Error("another callback was set")
		}
		s.m.callback = set
	}
	if !slices.Equal(s.log, s.m.log) {
		s.t.Errorf("cleanups: %v, want %v", s.log, s.m.log)
	}
	if s.t.Failed() {
		s.t.FailNow()
	}
}

func FuzzWaitCtx(f *testing.F) {
	f.Add([]byte("\x00\x04\x00\x05\x00\x04\x03\x00\x08\x00\x03\x00\x00\x04\x07\x00")) // equal keys, clear, set again
	for action := range byte(cleanupActions) {
		a := action << 2
		f.Add([]byte{0, 4, 1, 5, 0, a, 1, a | 1, 7, 0, 0, a, 7, 0})                       // just added
		f.Add([]byte{0, 4, 1, 5, 0, a, 1, a | 1, 8, 0, 8, 0, 7, 0, 0, a | 2, 9, 0, 7, 0}) // told of
	}
	f.Add([]byte{5, 200, 6, 1, 6, 2, 6, 0, 5, 3, 6, 3, 7, 0}) // status and callback
	f.Add([]byte{0, 0, 9, 0, 0, 1, 8, 0, 0, 2, 9, 0, 3, 0, 8, 0, 3, 1, 8, 0, 7, 0, 0, 2, 8, 0})
	f.Fuzz(func(t *testing.T, ops []byte) {
		if len(ops) > 400 {
			t.Skip("as good as several short ones, and slow to minimize")
		}
		walkWaitCtx(t, ops)
	})
}

func walkWaitCtx(t *testing.T, ops []byte) {
	s := &session{t: t, ops: ops, pool: newPool(t, 1)}
	s.start()
	s.run(false)
	s.m.close()
	s.w.Close()
	s.check()
}

// The same with long random inputs.
func TestWaitCtxModel(t *testing.T) {
	for seed := range uint64(100) {
		random := rand.NewChaCha8([32]byte{byte(seed)})
		ops := make([]byte, 1000)
		random.Read(ops)
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) { walkWaitCtx(t, ops) })
	}
}
