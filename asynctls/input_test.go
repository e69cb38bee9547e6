package asynctls

import (
	"errors"
	"io"
	"testing"
	"unsafe"
)

// script is a Transport whose Read returns one of its chunks a call, then err.
type script struct {
	Buffers
	chunks []string
	err    error
}

func (s *script) Read(p []byte) (int, error) {
	if len(s.chunks) == 0 {
		return 0, s.err
	}
	n := copy(p, s.chunks[0])
	if s.chunks[0] = s.chunks[0][n:]; s.chunks[0] == "" {
		s.chunks = s.chunks[1:]
	}
	return n, nil
}

// Bytes that were taken early are read first and in order, then the transport's; then its
// error, which stays. Nothing is held before the first byte and after the last.
func TestTakeInput(t *testing.T) {
	transport := &script{err: ErrWouldBlock}
	c := NewServerConn(transport, nil, &Options{HighWater: 10})
	deadline := c.Deadline()
	c.takeInput()
	if c.ahead() != nil {
		t.Error("memory for no byte")
	}
	transport.chunks = []string{"abcd", "efghijkl", "mn"}
	for range 3 {
		c.takeInput()
	}
	if got := string(c.ahead().held.bytes()); got != "abcdefghij" {
		t.Errorf("%q was taken, not HighWater", got)
	}
	read := func(want string, wantErr error) {
		t.Helper()
		p := make([]byte, 6)
		if n, err := c.readInput(p); string(p[:n]) != want || err != wantErr {
			t.Errorf("%q, %v; want %q, %v", p[:n], err, want, wantErr)
		}
	}
	read("abcdef", nil)
	c.takeInput() // there is room again
	read("ghijkl", nil)
	transport.err = io.EOF
	c.takeInput()
	transport.err = errors.New("read after the end")
	c.takeInput()
	read("mn", nil)
	read("", io.EOF)
	read("", io.EOF)
	if !c.Deadline().Equal(deadline) {
		t.Error("the deadline has moved")
	}

	c = NewServerConn(transport, nil, &Options{HighWater: 10})
	transport.chunks, transport.err = []string{"abcd"}, ErrWouldBlock
	c.takeInput()
	read("abcd", nil)
	if c.ahead() != nil {
		t.Error("memory after the last byte")
	}
	read("", ErrWouldBlock)
	transport.chunks = []string{"abcd"}
	c.takeInput()
	if c.Abort(); c.ahead() != nil {
		t.Error("memory after the end")
	}
}

// The bytes of Buffers are not taken: they are in memory already, and Unread counts them.
func TestTakeInputOfBuffers(t *testing.T) {
	var b Buffers
	c := NewServerConn(&b, nil, nil)
	b.Feed([]byte("hello"))
	if c.takeInput(); c.ahead() != nil || b.Unread() != 5 {
		t.Error(c.ahead(), b.Unread())
	}
}

// A connection that is paused again before it has read all the bytes that were taken, each
// time, does not make their memory grow.
func TestTakeInputIsBounded(t *testing.T) {
	const highWater = 4 << 10
	transport := &script{err: ErrWouldBlock}
	c := NewServerConn(transport, nil, &Options{HighWater: highWater})
	p := make([]byte, 1000)
	for range 1000 {
		transport.chunks = []string{string(make([]byte, highWater))}
		c.takeInput()
		if n, err := c.readInput(p); n != len(p) || err != nil {
			t.Fatal(n, err)
		}
	}
	if n := cap(*c.ahead().held.b); n > 8*highWater {
		t.Errorf("%d bytes of memory hold %d", n, c.ahead().held.len())
	}
}

// TestConnIsSmall holds the size of a Conn, see input.
func TestConnIsSmall(t *testing.T) {
	const most = 80 // a size class of the allocator
	if size := unsafe.Sizeof(Conn{}); size > most && unsafe.Sizeof(uintptr(0)) == 8 {
		t.Errorf("a Conn takes %d bytes; at most %d", size, most)
	}
}
