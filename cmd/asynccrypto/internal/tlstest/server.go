package tlstest

import (
	"io"
	"os"
	"syscall"
	"testing"
	"time"

	"asynccrypto/cmd/asynccrypto/internal/cli"
	"asynccrypto/internal/testwait"
)

// Server is a command that serves until a signal comes, and that runs in this process.
type Server struct {
	T     *testing.T
	Log   *testwait.Log
	Ended chan struct{} // closed when the command has returned
	Err   error         // the command's; valid once Ended is closed

	signals chan os.Signal
}

// Run runs a command. At the end of the test it is told to stop, and should do so without an error.
func Run(t *testing.T, run func(std cli.Stdio, signals <-chan os.Signal) error) *Server {
	s := &Server{T: t, Log: new(testwait.Log), Ended: make(chan struct{}), signals: make(chan os.Signal)}
	go func() {
		defer close(s.Ended)
		s.Err = run(cli.Stdio{Out: io.Discard, Err: s.Log}, s.signals)
	}()
	t.Cleanup(func() {
		if err := s.Stop(); err != nil && !t.Failed() {
			t.Errorf("%v\n%s", err, s.Log)
		}
	})
	return s
}

// Logged waits for a line of the log that matches, and returns the match and its groups.
func (s *Server) Logged(pattern string) []string {
	s.T.Helper()
	return s.Log.Find(s.T, pattern, s.Ended)
}

// Signal sends a signal to the command, unless that has returned.
func (s *Server) Signal(sig os.Signal) {
	s.T.Helper()
	select {
	case s.signals <- sig:
	case <-s.Ended:
	case <-time.After(time.Until(testwait.Limit())):
		s.T.Fatal("a signal was not taken")
	}
}

// Stop tells the command to stop, and returns its error.
func (s *Server) Stop() error {
	s.T.Helper()
	s.Signal(syscall.SIGTERM)
	select {
	case <-s.Ended:
		return s.Err
	case <-time.After(time.Until(testwait.Limit())):
		s.T.Fatalf("did not end\n%s", s.Log)
		return nil
	}
}
