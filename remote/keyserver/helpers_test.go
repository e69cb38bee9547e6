package keyserver

import (
	"bufio"
	"bytes"
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"io"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"asynccrypto/internal/testunix"
	"asynccrypto/internal/testwait"
	"asynccrypto/remote/internal/testkeys"
	"asynccrypto/remote/internal/wire"
)

// The keys of all tests.
var rsaKey, ecdsaKey, ed25519Key = testkeys.RSA, testkeys.ECDSA, testkeys.Ed25519

// allKeys allows uid 1 each operation of each key.
const allKeys = "allow uid:1 sign rsa ecdsa ed25519\nallow uid:1 sign:nohash rsa\n"

func idOf(t testing.TB, pub crypto.PublicKey) wire.KeyID {
	t.Helper()
	spki, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		t.Fatal(err)
	}
	return sha256.Sum256(spki)
}

// newServer returns a server that is closed with the test.
func newServer(t testing.TB, c Config) *Server {
	t.Helper()
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// framer is a client of plain frames that waits for each answer, or does not.
type framer struct {
	t      testing.TB
	conn   net.Conn
	reader *bufio.Reader
	hello  wire.Hello
	last   uint64
	result chan error // of ServeConn
}

// connect connects by net.Pipe as a user, and greets.
func connect(t testing.TB, s *Server, uid uint32) *framer {
	t.Helper()
	p := dialPipe(t, s, uid)
	p.greet()
	return p
}

func dialPipe(t testing.TB, s *Server, uid uint32) *framer {
	client, server := net.Pipe()
	p := newFramer(t, client)
	go func() { p.result <- s.ServeConn(server, uid) }()
	return p
}

func newFramer(t testing.TB, conn net.Conn) *framer {
	t.Cleanup(func() { conn.Close() })
	return &framer{t: t, conn: conn, reader: bufio.NewReader(conn), result: make(chan error, 1)}
}

// socketPair returns a connection to s by a Unix socket.
func socketPair(t testing.TB, s *Server) net.Conn {
	t.Helper()
	l := testunix.Listen(t, filepath.Join(t.TempDir(), "s"))
	defer l.Close()
	client, err := net.Dial("unix", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = s.ServeConn(server, 1) }()
	return client
}

func (p *framer) greet() {
	p.t.Helper()
	p.write(wire.AppendHello(nil, wire.ClientHello()))
	var err error
	if p.hello, err = wire.ParseHello(p.frame()); err != nil {
		p.t.Fatal(err)
	}
}

func (p *framer) write(b []byte) {
	p.t.Helper()
	if _, err := p.conn.Write(b); err != nil {
		p.t.Fatal(err)
	}
}

func (p *framer) frame() []byte {
	p.t.Helper()
	body, err := wire.ReadFrame(p.reader, wire.MaxFrame)
	if err != nil {
		p.t.Fatal(err)
	}
	return body
}

// send sends a request and returns its number.
func (p *framer) send(r wire.Request) uint64 {
	p.t.Helper()
	p.last++
	r.ID = p.last
	b, err := wire.AppendRequest(nil, &r)
	if err != nil {
		p.t.Fatal(err)
	}
	p.write(b)
	return r.ID
}

func (p *framer) receive() (a wire.Answer) {
	p.t.Helper()
	if err := wire.ParseAnswer(p.frame(), &a); err != nil {
		p.t.Fatal(err)
	}
	a.Data = bytes.Clone(a.Data)
	return a
}

// ask sends a request when no other is under way.
func (p *framer) ask(r wire.Request) wire.Answer {
	p.t.Helper()
	id := p.send(r)
	a := p.receive()
	if a.ID != id {
		p.t.Fatalf("the answer to request %d has the number %d: %+v", id, a.ID, a)
	}
	return a
}

// want asks, and fails the test unless the answer has the status.
func (p *framer) want(status wire.Status, r wire.Request) wire.Answer {
	p.t.Helper()
	a := p.ask(r)
	if a.Status != status || (a.Status == wire.OK) != (a.Text == "") {
		p.t.Errorf("%+v: the answer is %v %q, want %v", r, a.Status, a.Text, status)
	}
	return a
}

// ended waits for the end of the connection, and returns the result of ServeConn.
func (p *framer) ended() error {
	p.t.Helper()
	if rest, err := io.ReadAll(p.reader); err != nil || len(rest) > 0 {
		p.t.Errorf("before its end the connection has %d bytes, %v", len(rest), err)
	}
	return <-p.result
}

// digestRequest is a request that every server with the key "rsa" can serve.
func digestRequest() wire.Request {
	return wire.Request{Op: wire.OpSign, Name: "rsa", Hash: wire.SHA256, Padding: wire.PKCS1, Data: make([]byte, 32)}
}

// gatedKey is a key whose signatures wait for the test. It is not an engine's.
type gatedKey struct {
	crypto.Signer
	began chan struct{} // gets a value when a signature begins
	gate  chan error    // each value lets a signature end
}

func newGatedKey(key crypto.Signer) *gatedKey {
	return &gatedKey{key, make(chan struct{}, 1000), make(chan error)}
}

func (k *gatedKey) Sign(rand io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	k.began <- struct{}{}
	if err := <-k.gate; err != nil {
		return nil, err
	}
	return k.Signer.Sign(rand, digest, opts)
}

// failingKey is a key whose signatures are what sign does.
type failingKey struct {
	crypto.Signer
	sign func() ([]byte, error)
}

func (k failingKey) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) { return k.sign() }

// boundKey is an engine's key, to the server: its context is the request's.
type boundKey struct {
	crypto.Signer
	sign func(ctx context.Context) ([]byte, error)
}

func (k boundKey) WithContext(ctx context.Context) crypto.Signer {
	return failingKey{k.Signer, func() ([]byte, error) { return k.sign(ctx) }}
}

// record is the text of an audit log.
type record struct {
	testwait.Log
	mu  sync.Mutex
	err error // of Write
	n   int   // writes
}

func (r *record) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.n++
	if r.err != nil {
		return 0, r.err
	}
	return r.Log.Write(b)
}

func (r *record) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.err = err
}

func (r *record) lines() []string { return slices.Collect(strings.Lines(r.String())) }
