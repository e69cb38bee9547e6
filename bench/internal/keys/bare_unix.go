//go:build unix

package keys

import (
	"context"
	"crypto"
	"crypto/rand"
	"io"
	"net"
	"runtime"
	"syscall"

	"asynccrypto/engine"
	"asynccrypto/internal/rawio"
)

// The bare way is the least that two processes can do: each has a thread that waits in the system
// call for the other's bytes, of which there are as many as in frames. So it shows what the system
// takes for the way there and back.

// requestSize is that of the frame of a request for a signature of a SHA-256 digest.
const requestSize = 96

// bareEnd is an end of a bare way. Its fd blocks.
type bareEnd struct{ fd int }

func newBareEnd(conn *net.UnixConn) (*bareEnd, error) {
	defer conn.Close()
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	var fd int
	if failed := raw.Control(func(from uintptr) { fd, err = syscall.Dup(int(from)) }); failed != nil {
		return nil, failed
	}
	if err != nil {
		return nil, err
	}
	return &bareEnd{fd}, syscall.SetNonblock(fd, false)
}

// read waits in the system call, of which rawio does not tell the scheduler: it occupies one of the
// process's GOMAXPROCS.
func (e *bareEnd) read(p []byte) (int, error) {
	n, err := rawio.Read(e.fd, p)
	if n == 0 && err == nil {
		err = io.EOF
	}
	return max(n, 0), err
}

// serveBare signs for one client until it has gone.
func serveBare(l net.Listener, signer engine.Signer) error {
	runtime.LockOSThread()
	conn, err := l.Accept()
	if err != nil {
		return err
	}
	end, err := newBareEnd(conn.(*net.UnixConn))
	if err != nil {
		return err
	}
	defer syscall.Close(end.fd)
	for request := make([]byte, requestSize); ; {
		if _, err := end.read(request); err != nil {
			return err
		}
		signature, err := signer.Sign(rand.Reader, request[:32], crypto.SHA256)
		if err != nil {
			return err
		}
		if _, err := rawio.Write(end.fd, signature); err != nil {
			return err
		}
	}
}

// dialBare returns the way to sign of a client.
func dialBare(socket string) (func(context.Context, []byte) ([]byte, error), error) {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return nil, err
	}
	end, err := newBareEnd(conn.(*net.UnixConn))
	return func(_ context.Context, digest []byte) ([]byte, error) {
		request, signature := make([]byte, requestSize), make([]byte, 512)
		copy(request, digest)
		if _, err := rawio.Write(end.fd, request); err != nil {
			return nil, err
		}
		n, err := end.read(signature)
		return signature[:n], err
	}, err
}
