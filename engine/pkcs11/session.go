package pkcs11

import (
	"context"
	"errors"
	"runtime/debug"

	"asynccrypto/engine"
	"asynccrypto/engine/pkcs11/internal/ck"
)

// A session is one connection to the module with one session of PKCS #11 on it, and the goroutine
// that uses both. It does one operation at a time. When it has nothing to do, it waits in
// Token.idle; when the token is lost, it ends.
type session struct {
	t    *Token
	jobs chan job // of capacity 1; closed when an idle session is to end

	// Only the session's goroutine changes these. It changes the first four with Token.mu held,
	// because others read them.
	conn       ck.Conn // nil if there is none
	generation uint64  // of the token, in which conn was made or is being made
	connecting bool    // conn is being made, or the login is under way
	joining    bool    // that is done in the background, and not for a job
	place      place
	handle     ck.Session
	keys       map[keyName]*foundKey // found on conn
}

// A job is a request, the number of attempts that were made at it, and the error of the last one.
type job struct {
	r        *engine.Request
	fallback bool // the caller has another place that has the key: see [engine.WithFallback]
	tries    int
	err      error
}

const maxTries = 2

// loop does jobs until the session ends. The session is one of t.sessions already. If start is not
// nil, loop calls it first, and ends the session if it returns false.
func (s *session) loop(start func() bool) {
	t := s.t
	defer t.running.Done()
	t.enter()
	defer t.exit()
	defer t.leave(s)
	defer s.drop()
	if start != nil && !start() {
		return
	}
	for j := range s.jobs {
		if !s.serve(j) || !t.release(s) {
			return
		}
	}
}

// serve does a job: it completes the request. It returns false if another session had to do the
// job, because this one has no connection; it has left the token then.
func (s *session) serve(j job) bool {
	t := s.t
	over := false // the job is complete, or another session's
	defer func() {
		if !over { // the user's code has ended the goroutine
			j.r.Complete(&engine.PanicError{Value: "runtime.Goexit", Stack: debug.Stack()})
		}
	}()
	for {
		err := s.ready(j)
		switch {
		case err == errElsewhere:
			over = true
			t.leave(s)
			t.await(j)
			return false
		case err == nil && j.r.Abandoned():
			err = context.Canceled
		case err == nil:
			j.tries++
			var again bool
			if again, err = s.settle(j, s.perform(j.r.Op())); again {
				j.err = err
				continue
			}
		}
		over = true
		j.r.Complete(err)
		return true
	}
}

// perform does an operation on the session.
func (s *session) perform(op engine.Op) (err error) {
	defer recovered(&err)
	switch o := op.(type) {
	case *engine.SignOp:
		k := o.Key
		defer func() { o.Key = k }()
		o.Key = onSession{k.(owned).owner(), s}
	case *engine.DecryptOp:
		k := o.Key
		defer func() { o.Key = k }()
		o.Key = onSession{k.(owned).owner(), s}
	case *query:
		return o.ask(s)
	}
	return op.Run()
}

// settle acts on the error of an operation, as the table of [class] says. It reports whether the
// operation is to be tried again, and returns the error of this try.
func (s *session) settle(j job, err error) (again bool, _ error) {
	t := s.t
	again = j.tries < maxTries
	c := classify(err)
	if c == vague {
		// A decryption does not count: the sender of the ciphertext may have made it fail.
		if _, signs := j.r.Op().(*engine.SignOp); !signs {
			return false, err
		}
		if !t.suspects(s) {
			return false, unavailable(err)
		}
		c = gone
	}
	switch c {
	case fine:
		if _, asks := j.r.Op().(*query); !asks { // a token may answer and not sign
			t.proved(s)
		}
		return false, nil
	case caller:
		return false, err
	case dirty:
		if s.reopen() != nil {
			s.drop()
		}
	case stale, lost:
		s.drop()
		t.count(err)
	case hung:
		s.drop()
		t.count(err)
		again = false
	case gone:
		s.drop()
		t.lose(s, err, again && !j.fallback)
	case refused:
		s.drop()
		t.bar(err)
		again = false
	}
	return again, unavailable(err)
}

// connect makes a connection, finds the token, opens a session and logs in.
func (s *session) connect() error {
	err := s.dial()
	if err == nil {
		err = s.begin()
	}
	if err != nil {
		s.drop()
	}
	return err
}

// reconnect is connect, twice if need be: a process of the module that ends while it starts may have
// been killed, as the one before it, and that alone does not mean that the token is down.
func (s *session) reconnect() error {
	err := s.connect()
	if errors.Is(err, ck.ErrEnded) {
		s.t.count(err)
		err = s.connect()
	}
	return err
}

// dial makes the connection.
func (s *session) dial() error {
	ctx, cancel := context.WithTimeout(s.t.life, s.t.o.Hang)
	defer cancel()
	conn, err := s.t.connect(ctx)
	if err != nil {
		if ctx.Err() == context.DeadlineExceeded { // which would look like one of the caller's
			return ck.ErrHung
		}
		return err
	}
	s.t.mu.Lock()
	defer s.t.mu.Unlock()
	s.conn = conn
	if s.t.state == closed { // Close has not seen conn
		return engine.ErrClosed
	}
	return nil
}

// begin opens the session on the connection.
func (s *session) begin() error {
	place, err := findToken(s.conn, s.t.uri)
	if err != nil {
		return err
	}
	s.place, s.keys = place, make(map[keyName]*foundKey)
	if s.handle, err = s.conn.OpenSession(place.slot); err != nil {
		return err
	}
	s.t.learn(place)
	if s.t.o.NoLogin || place.token.Flags&ck.FlagLoginRequired == 0 {
		return nil
	}
	return s.withPIN(func(pin []byte) error {
		err := s.conn.Login(s.handle, pin)
		if errors.Is(err, ck.RVUserAlreadyLoggedIn) { // by another session in the same process
			return nil
		}
		return err
	})
}

// drop closes the connection, if there is one.
func (s *session) drop() {
	s.t.mu.Lock()
	conn := s.conn
	s.conn = nil
	s.t.mu.Unlock()
	if conn != nil {
		conn.Close()
	}
}

// reopen opens a new session on the same connection and closes the old one. The order keeps the
// login, which ends with an application's last session.
func (s *session) reopen() error {
	handle, err := s.conn.OpenSession(s.place.slot)
	if err != nil {
		return err
	}
	old := s.handle
	s.handle = handle
	return s.conn.CloseSession(old)
}

// A query is an operation that asks the token about something. It reads and writes only what its
// function holds, and its caller reads that only if Do has returned nil.
type query struct{ ask func(*session) error }

// Run implements [engine.Op]. Only an operation of the token's engine that calls the token comes
// here.
func (*query) Run() error { return errInside }

var (
	// errElsewhere says that another session has to do the job.
	errElsewhere = errors.New("pkcs11: the session is not connected")
	// errExited is the error of a connection whose callback, such as Options.PIN, has not returned.
	errExited = errors.New("a callback has ended its goroutine")
)

// recovered makes a panic of the user's code the error of the function that defers it.
func recovered(err *error) {
	if value := recover(); value != nil {
		*err = &engine.PanicError{Value: value, Stack: debug.Stack()}
	}
}
