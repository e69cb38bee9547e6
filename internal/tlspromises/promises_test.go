package tlspromises

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"testing"
	"time"
)

var errNothing net.Error = temporary{}

// After the handshake, a net.Error with Temporary() true from below is not sticky, at any byte
// of a record, also not in the middle of a message after the handshake: what was read so far is
// kept.
func TestTemporaryReadErrorIsNotSticky(t *testing.T) {
	for _, version := range versions {
		server, client, below := pair(t, version)
		below.whenEmpty(errNothing)
		for round := range 3 {
			if _, err := server.Write([]byte("hello")); err != nil {
				t.Fatal(err)
			}
			record := below.take() // in TLS 1.3 with a ticket before it, the first time
			p := make([]byte, 10)
			for i := range record {
				if n, err := client.Read(p); n != 0 || err != error(errNothing) {
					t.Fatalf("%x, round %d, before byte %d: %d, %v", version, round, i, n, err)
				}
				below.feed(record[i : i+1])
			}
			if n, err := client.Read(p); string(p[:n]) != "hello" || err != nil {
				t.Fatalf("%x, round %d: %q, %v", version, round, p[:n], err)
			}
		}
	}
}

// cache tells of tickets.
type cache struct {
	tls.ClientSessionCache
	put int
}

func (c *cache) Put(key string, s *tls.ClientSessionState) { c.put++ }

func (c *cache) Get(key string) (*tls.ClientSessionState, bool) { return nil, false }

// A message after the handshake that comes in parts, an error between each two, is understood
// when it is whole.
func TestPartialPostHandshakeMessageIsKept(t *testing.T) {
	sc, cc := configs(t, tls.VersionTLS13)
	tickets := new(cache)
	cc.ClientSessionCache = tickets
	s, c := newWires()
	server, client := tls.Server(s, sc), tls.Client(c, cc)
	handshake(t, server, client)
	ticket := c.take()
	c.whenEmpty(errNothing)
	for i := range ticket {
		if n, err := client.Read(make([]byte, 1)); n != 0 || err != error(errNothing) || tickets.put != 0 {
			t.Fatal(i, n, err, tickets.put)
		}
		c.feed(ticket[i : i+1])
	}
	if n, err := client.Read(make([]byte, 1)); n != 0 || err != error(errNothing) || tickets.put != 1 {
		t.Fatal(n, err, tickets.put)
	}
}

// In TLS 1.2 Read may return data together with the temporary error: it looks for an alert
// behind the data.
func TestDataTogetherWithTemporaryError(t *testing.T) {
	server, client, below := pair(t, tls.VersionTLS12)
	if _, err := server.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	server.CloseWrite()
	b := below.take()
	below.whenEmpty(errNothing)
	below.feed(b[:len(b)-1])
	if n, err := client.Read(make([]byte, 10)); n != 1 || err != error(errNothing) {
		t.Error(n, err)
	}
	below.feed(b[len(b)-1:])
	if n, err := client.Read(make([]byte, 10)); n != 0 || err == nil || err.Error() != "EOF" {
		t.Error(n, err)
	}
}

// The error must be that type itself: crypto/tls asserts and does not unwrap.
func TestWrappedReadErrorIsSticky(t *testing.T) {
	for _, version := range versions {
		server, client, below := pair(t, version)
		wrapped := fmt.Errorf("wrapped: %w", errNothing)
		below.take()
		below.whenEmpty(wrapped)
		for range 2 {
			if n, err := client.Read(make([]byte, 10)); n != 0 || err != wrapped {
				t.Fatal(version, n, err)
			}
			server.Write([]byte("hello"))
		}
	}
}

// Any error from below during the handshake is final, a temporary one too.
func TestHandshakeErrorIsSticky(t *testing.T) {
	for _, version := range versions {
		sc, _ := configs(t, version)
		s, _ := newWires()
		s.whenEmpty(errNothing)
		server := tls.Server(s, sc)
		if err := server.Handshake(); err != error(errNothing) {
			t.Fatal(version, err)
		}
		s.whenEmpty(errors.New("another"))
		if err := server.Handshake(); err != error(errNothing) {
			t.Error(version, err)
		}
	}
}

// Any error from Write below is final, a temporary one too.
func TestWriteErrorIsSticky(t *testing.T) {
	for _, version := range versions {
		_, client, below := pair(t, version)
		below.failWrites(errNothing)
		for range 2 {
			if n, err := client.Write([]byte("hello")); n != 0 || !errors.Is(err, errNothing) {
				t.Fatal(version, n, err)
			}
			below.failWrites(nil)
		}
	}
}

type panicContext struct{ context.Context }

func (panicContext) Done() <-chan struct{} { panic("asked") }

// asks reports whether HandshakeContext asks its context for Done, which it does unless the
// handshake is done.
func asks(t *testing.T, c *tls.Conn) (asked bool) {
	t.Helper()
	defer func() { asked = recover() != nil }()
	if err := c.HandshakeContext(panicContext{}); err != nil {
		t.Error(err)
	}
	return
}

// A handshake that waits holds the mutex which ConnectionState takes. HandshakeContext asks its
// context whether it can be done before that, and doesn't ask when there is nothing to do.
func TestWaitingHandshakeHoldsMutex(t *testing.T) {
	for _, version := range versions {
		sc, cc := configs(t, version)
		s, c := newWires()
		s.asleep = make(chan struct{}, 1)
		server, client := tls.Server(s, sc), tls.Client(c, cc)
		handshaken := make(chan error, 1)
		go func() { handshaken <- server.Handshake() }()
		<-s.asleep
		notified := make(chan tls.ConnectionState, 1)
		go func() { notified <- server.ConnectionState() }()
		if !asks(t, server) {
			t.Error("the handshake was done, or its context not asked")
		}
		select {
		case <-notified:
			t.Error("ConnectionState does not wait")
		case <-time.After(50 * time.Millisecond):
		}
		if err := client.Handshake(); err != nil {
			t.Fatal(err)
		}
		if err := <-handshaken; err != nil {
			t.Fatal(err)
		}
		if state := <-notified; state.Version != version {
			t.Error(state.Version)
		}
		if asks(t, server) || asks(t, client) {
			t.Error("the context was asked though the handshake was done")
		}
	}
}

// The end of a handshake's context closes the connection below, on another goroutine; one that
// can't be cancelled, though its parent is, does not.
func TestCancelledHandshakeIsClosed(t *testing.T) {
	for _, version := range versions {
		for _, without := range []bool{false, true} {
			sc, cc := configs(t, version)
			s, c := newWires()
			s.asleep = make(chan struct{}, 1)
			server, client := tls.Server(s, sc), tls.Client(c, cc)
			parent, cancel := context.WithCancel(t.Context())
			ctx := parent
			if without {
				ctx = context.WithoutCancel(parent)
			}
			handshaken := make(chan error, 1)
			go func() { handshaken <- server.HandshakeContext(ctx) }()
			<-s.asleep
			cancel()
			if !without {
				if err := <-handshaken; !errors.Is(err, context.Canceled) {
					t.Error(version, err)
				}
				continue
			}
			if err := client.Handshake(); err != nil {
				t.Error(version, err)
			}
			if err := <-handshaken; err != nil {
				t.Error(version, err)
			}
		}
	}
}

// GetCertificate is not asked, without SNI, while Certificates is set.
func TestGetCertificateWithoutSNI(t *testing.T) {
	for _, name := range []string{"", "example.test"} {
		for _, certificates := range []bool{false, true} {
			sc, cc := configs(t, tls.VersionTLS13)
			cc.ServerName = name
			asked := false
			cert := sc.Certificates[0]
			sc.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
				asked = true
				return &cert, nil
			}
			if !certificates {
				sc.Certificates = nil
			}
			s, c := newWires()
			handshake(t, tls.Server(s, sc), tls.Client(c, cc))
			if want := !certificates || name != ""; asked != want {
				t.Errorf("name %q, Certificates %v: asked %v", name, certificates, asked)
			}
		}
	}
}

// counted counts the calls of Read.
type counted struct {
	*wire
	reads int
}

func (c *counted) Read(p []byte) (int, error) {
	c.reads++
	return c.wire.Read(p)
}

// Read reads from its transport only if crypto/tls holds no whole record. An event loop thus
// knows, from the records that it has passed on, whether another Read would find anything.
func TestReadWithoutTheTransport(t *testing.T) {
	for _, version := range versions {
		sc, cc := configs(t, version)
		s, below := newWires()
		c := &counted{wire: below}
		server, client := tls.Server(s, sc), tls.Client(c, cc)
		handshake(t, server, client)
		p := make([]byte, 10)
		read := func(want string, wantErr error) {
			t.Helper()
			if n, err := client.Read(p); string(p[:n]) != want || err != wantErr {
				t.Fatalf("%x: %q, %v, not %q", version, p[:n], err, want)
			}
		}
		below.whenEmpty(errNothing)
		read("", errNothing) // the tickets of TLS 1.3
		for _, text := range []string{"one", "two", "three"} {
			server.Write([]byte(text))
		}
		c.reads = 0
		read("one", nil)
		reads := c.reads
		if read("two", nil); c.reads != reads {
			t.Errorf("%x: %d reads of the transport with whole records at hand", version, c.reads-reads)
		}
		if read("three", nil); c.reads != reads {
			t.Errorf("%x: %d reads of the transport with a whole record at hand", version, c.reads-reads)
		}
		if read("", errNothing); c.reads == reads {
			t.Errorf("%x: no read of the transport without a record", version)
		}
	}
}
