package asynctls

import (
	"errors"
	"fmt"
	"net"
	"os"
	"time"
)

// The errors of Handshake, Read, Write and Close when they can't go on; see the package comment. Nothing is lost: call
// the same method again after the wake. They are returned as they are, never wrapped.
var (
	// ErrWantRead: the transport has nothing to read.
	ErrWantRead = errors.New("asynctls: want read")
	// ErrWantWrite: the transport holds more than Options.HighWater, or on Close anything at all, that is yet to be sent.
	ErrWantWrite = errors.New("asynctls: want write")
	// ErrWantAsync: an engine computes.
	ErrWantAsync = errors.New("asynctls: want async")
	// ErrWantAsyncJob: the pool of jobs is at its limit.
	ErrWantAsyncJob = errors.New("asynctls: want async job")
)

// Wants reports whether err is one of the four ErrWant errors: whether the connection goes on after a wake.
func Wants(err error) bool {
	return err == ErrWantRead || err == ErrWantWrite || err == ErrWantAsync || err == ErrWantAsyncJob
}

// ErrEngine ends a connection whose engine said StatusErr, that it, not the key and not the input, is broken, and gave no
// error that crypto/tls would have ended it with.
var ErrEngine = errors.New("asynctls: the engine reported that it is broken (ASYNC_STATUS_ERR)")

// ErrWouldBlock is what a Transport's Read returns, as it is, when there is nothing to read.
var ErrWouldBlock net.Error = wouldBlock{}

type wouldBlock struct{}

func (wouldBlock) Error() string   { return "asynctls: the transport has nothing to read" }
func (wouldBlock) Timeout() bool   { return true }
func (wouldBlock) Temporary() bool { return true } // which makes crypto/tls go on later

// errReentered is the error of a Conn's methods when the handshake itself calls them, from one of Config's functions.
var errReentered = errors.New("asynctls: called from inside the handshake")

// timeoutError is what Conn.Timeout ends a connection with. It is os.ErrDeadlineExceeded to errors.Is.
type timeoutError struct {
	what  string
	after time.Duration
}

func (e *timeoutError) Error() string   { return fmt.Sprintf("asynctls: %s for %v", e.what, e.after) }
func (e *timeoutError) Timeout() bool   { return true }
func (e *timeoutError) Temporary() bool { return false }
func (e *timeoutError) Unwrap() error   { return os.ErrDeadlineExceeded }
