package asynctls

import (
	"errors"
	"fmt"
	"net"
	"os"
	"time"
)

// Handshake, Read, Write, CloseWrite and Close return an ErrWant error when they cannot go on now.
// Nothing is lost: call the same method again after the wake. A table in the package comment says
// what an event loop does after each of them. The errors are never wrapped.
var (
	// ErrWantRead means that the transport has no input.
	ErrWantRead = errors.New("asynctls: want read")
	// ErrWantWrite means that the transport holds more output than Options.HighWater. From Close
	// it means that the transport holds any output.
	ErrWantWrite = errors.New("asynctls: want write")
	// ErrWantAsync means that the operation is paused while an engine computes. Do not watch for
	// input until the wake.
	ErrWantAsync = errors.New("asynctls: want async")
	// ErrWantAsyncJob means that the pool of jobs is at its limit. Do not watch for input until
	// the wake.
	ErrWantAsyncJob = errors.New("asynctls: want async job")
)

// Wants reports whether err is one of the four ErrWant errors, so that the connection goes on
// after a wake. If err is not nil and Wants(err) is false, the connection has failed: call
// [Conn.Close] as long as it returns ErrWantWrite, or the TLS alert is lost.
func Wants(err error) bool {
	return err == ErrWantRead || err == ErrWantWrite || err == ErrWantAsync || err == ErrWantAsyncJob
}

// ErrEngine ends a connection whose engine has reported [async.StatusErr]: the engine itself is
// broken, not the key or the input. If the engine also gave an error, and crypto/tls ended the
// handshake with it, the connection ends with that one.
var ErrEngine = errors.New("asynctls: the engine reported that it is broken (ASYNC_STATUS_ERR)")

// ErrWouldBlock is the error of a [Transport]'s Read when there is no input. It must not be
// wrapped.
var ErrWouldBlock net.Error = wouldBlock{}

type wouldBlock struct{}

func (wouldBlock) Error() string   { return "asynctls: the transport has nothing to read" }
func (wouldBlock) Timeout() bool   { return true }
func (wouldBlock) Temporary() bool { return true } // so that crypto/tls can go on later

// errReentered is the error of a Conn's methods when one of the tls.Config's functions calls
// them, inside the handshake.
var errReentered = errors.New("asynctls: called from inside the handshake")

// errRenegotiation ends a Read of a client whose server asks for a renegotiation too late.
var errRenegotiation = errors.New("asynctls: the server asked to renegotiate after CloseWrite, " +
	"when no ClientHello can be sent; call CloseWrite once the server has nothing more to ask")

// timeoutError is the error with which Conn.Timeout ends a connection. It wraps
// os.ErrDeadlineExceeded.
type timeoutError struct {
	what  string
	after time.Duration
}

func (e *timeoutError) Error() string   { return fmt.Sprintf("asynctls: %s for %v", e.what, e.after) }
func (e *timeoutError) Timeout() bool   { return true }
func (e *timeoutError) Temporary() bool { return false }
func (e *timeoutError) Unwrap() error   { return os.ErrDeadlineExceeded }
