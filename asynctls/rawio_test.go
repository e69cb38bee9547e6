//go:build unix

package asynctls_test

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"golang.org/x/sys/unix"

	"asynccrypto/async"
	"asynccrypto/asynctls"
)

// A Socket's calls go past Go's scheduler on Linux: what the system answers must come out as ever.
func TestSocketErrors(t *testing.T) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range fds {
		if err := unix.SetNonblock(fd, true); err != nil {
			t.Fatal(err)
		}
	}
	a, b := asynctls.NewSocket(async.FD(fds[0])), asynctls.NewSocket(async.FD(fds[1]))
	defer a.Close()
	buf := make([]byte, 4096)
	if n, err := a.Read(buf); n != 0 || err != error(asynctls.ErrWouldBlock) {
		t.Fatal(n, err)
	}
	sent := bytes.Repeat([]byte("0123456789"), 100_000) // more than a socket holds
	if n, err := a.Write(sent); n != len(sent) || err != nil || a.Buffered() == 0 {
		t.Fatal(n, err, a.Buffered())
	}
	var got []byte
	for len(got) < len(sent) {
		n, err := b.Read(buf)
		if err == error(asynctls.ErrWouldBlock) {
			err = a.Flush()
		}
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, buf[:n]...)
	}
	if !bytes.Equal(got, sent) || a.Buffered() != 0 {
		t.Error("other bytes have come, or some are held")
	}
	b.Close()
	if n, err := a.Read(buf); n != 0 || err != io.EOF {
		t.Error(n, err)
	}
	if _, err := a.Write(sent); !errors.Is(err, unix.EPIPE) {
		t.Error(err)
	}
	if _, err := a.Read(nil); err != nil {
		t.Error(err)
	}
}
