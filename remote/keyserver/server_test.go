package keyserver

import (
	"context"
	"crypto"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"asynccrypto/internal/testunix"
	"asynccrypto/remote/internal/allow"
	"asynccrypto/remote/internal/testkeys"
	"asynccrypto/remote/internal/wire"
)

// Each request is checked against the allow file in force, also those of open connections. A file
// with an error changes nothing.
func TestSetAllow(t *testing.T) {
	s := newServer(t, Config{Keys: testkeys.All()})
	p := connect(t, s, 1)
	p.want(wire.Denied, digestRequest())
	set := func(text string) {
		t.Helper()
		if err := s.SetAllow([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	set("allow uid:1 sign rsa")
	p.want(wire.OK, digestRequest())
	p.want(wire.Denied, wire.Request{Op: wire.OpSign, Name: "ecdsa", Hash: wire.SHA256, Data: sum256[:]})
	p.want(wire.Denied, wire.Request{Op: wire.OpSign, Name: "rsa", Padding: wire.PKCS1, Data: message}) // no hash
	if err := s.SetAllow([]byte("allow uid:1 sign rsa\nallow uid:2 sing rsa")); err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("%v", err)
	}
	p.want(wire.OK, digestRequest())
	set("allow uid:1 sign:nohash rsa")
	p.want(wire.OK, wire.Request{Op: wire.OpSign, Name: "rsa", Padding: wire.PKCS1, Data: message})
	p.want(wire.Denied, digestRequest())
	set("allow uid:1 sign:tls13-server rsa")
	finished := strings.Repeat(" ", 64) + "TLS 1.3, server CertificateVerify\x00" + strings.Repeat("h", 32)
	whole := wire.Request{Op: wire.OpSign, Name: "rsa", Padding: wire.PSS, Salt: 32, Hash: wire.SHA256, Message: true, Data: []byte(finished)}
	p.want(wire.OK, whole)
	whole.Data = []byte(strings.Replace(finished, "server", "client", 1))
	p.want(wire.Denied, whole)
	p.want(wire.Denied, digestRequest())
	set("")
	p.want(wire.Denied, digestRequest())
	if _, err := New(Config{Allow: []byte("deny")}); err == nil {
		t.Error("New takes a malformed allow file")
	}
}

// Names of the allow file that no key has are found, and no others.
func TestMissingKeys(t *testing.T) {
	s := newServer(t, Config{Keys: testkeys.All(), Allow: []byte("allow uid:1 sign rsa web\nallow dns:a sign:pss rsa api ecdsa")})
	if got := s.MissingKeys(); !slices.Equal(got, []string{"api", "web"}) {
		t.Errorf("%q", got)
	}
	if err := s.SetKeys(nil); err != nil {
		t.Fatal(err)
	}
	if got := s.MissingKeys(); !slices.Equal(got, []string{"api", "ecdsa", "rsa", "web"}) {
		t.Errorf("without keys: %q", got)
	}
}

func TestConfigErrors(t *testing.T) {
	for name, c := range map[string]Config{
		"InFlight":     {InFlight: -1},
		"Conns":        {Conns: -1},
		"WriteTimeout": {WriteTimeout: -1},
	} {
		if _, err := New(c); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	long := strings.Repeat("n", 256)
	for name, keys := range map[string]map[string]crypto.Signer{
		"the name":             {"": rsaKey},
		"the name \"a\\nb\"":   {"a\nb": rsaKey},
		"the name \"\\xff\"":   {"\xff": rsaKey},
		"the name \"\\u00a0\"": {"\u00a0": rsaKey},
		"the name \"\ufffd\"":  {"\ufffd": rsaKey}, // stands for what is not UTF-8
		long:                   {long: rsaKey},
		"nil":                  {"k": nil},
		"key is nil":           {"k": (*rsa.PrivateKey)(nil)},
		"are the same key":     {"k": rsaKey, "l": rsaKey},
		"of the type string":   {"k": strangeKey{rsaKey, "no key"}},
		"type *rsa.PrivateKey": {"k": strangeKey{rsaKey, rsaKey}},
	} {
		if _, err := New(Config{Keys: keys}); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

type strangeKey struct {
	crypto.Signer
	public crypto.PublicKey
}

func (k strangeKey) Public() crypto.PublicKey { return k.public }

// SetKeys returns when nothing uses the keys of before. Requests that come meanwhile use the new
// ones, and statistics go on.
func TestSetKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old := newGatedKey(rsaKey)
		s := newServer(t, Config{Keys: map[string]crypto.Signer{"rsa": old, "gone": ecdsaKey}, Allow: []byte("allow uid:1 sign rsa")})
		p := connect(t, s, 1)
		waits := p.send(digestRequest())
		r := digestRequest()
		r.Timeout = time.Second
		p.send(r)
		time.Sleep(2 * time.Second) // the key works on after the answer
		if a := p.receive(); a.Status != wire.Expired {
			t.Errorf("%+v", a)
		}
		set := make(chan error, 1)
		go func() { set <- s.SetKeys(map[string]crypto.Signer{"rsa": rsaKey}) }()
		synctest.Wait()
		p.want(wire.OK, digestRequest())
		for range 2 {
			select {
			case err := <-set:
				t.Fatalf("SetKeys has returned %v", err)
			default:
			}
			old.gate <- nil
			synctest.Wait()
		}
		if a := p.receive(); a.ID != waits || a.Status != wire.OK {
			t.Errorf("%+v", a)
		}
		if err := <-set; err != nil {
			t.Error(err)
		}
		if st := s.Stats(); len(st.Keys) != 1 || st.Keys[0] != (KeyStats{"rsa", Outcomes{Signed: 2, Expired: 1}}) {
			t.Errorf("%+v", st.Keys)
		}
		if err := s.SetKeys(map[string]crypto.Signer{"": rsaKey}); err == nil {
			t.Error("no error")
		}
		p.want(wire.OK, digestRequest()) // the keys of before
		closeAll(s, p)
		if err := s.SetKeys(nil); err != ErrClosed {
			t.Errorf("%v", err)
		}
	})
}

// Close ends a SetKeys that waits for a key that hangs.
func TestCloseEndsSetKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hangs := newGatedKey(rsaKey)
		s := newServer(t, Config{Keys: map[string]crypto.Signer{"rsa": hangs}, Allow: []byte("allow uid:1 sign rsa")})
		p := connect(t, s, 1)
		r := digestRequest()
		r.Timeout = time.Second
		p.want(wire.Expired, r) // the operation is given up, and hangs
		set := make(chan error, 1)
		go func() { set <- s.SetKeys(nil) }()
		synctest.Wait()
		closeAll(s, p)
		if err := <-set; err != ErrClosed {
			t.Errorf("%v", err)
		}
		hangs.gate <- nil
	})
}

// A signature is given only when its line is written. While lines cannot be written, requests are
// refused as unavailable.
func TestAudit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log record
		s := newServer(t, Config{Keys: testkeys.All(), Allow: []byte("allow uid:1 sign rsa ed25519"), Audit: &log})
		p := connect(t, s, 1)
		last := func() (fields map[string]any) {
			t.Helper()
			lines := log.lines()
			if err := json.Unmarshal([]byte(lines[len(lines)-1]), &fields); err != nil {
				t.Fatal(err)
			}
			return fields
		}
		check := func(want map[string]any) {
			t.Helper()
			got := last()
			for _, name := range []string{"time", "ms"} { // there is no time in the bubble
				delete(got, name)
			}
			a, _ := json.Marshal(got)
			b, _ := json.Marshal(want)
			if string(a) != string(b) {
				t.Errorf("the line is %s, want %s", a, b)
			}
		}
		r := digestRequest()
		r.Hedge, r.Data = 255, sum256[:]
		p.want(wire.OK, r)
		check(map[string]any{"peer": "uid:1", "key": "rsa", "op": "sign", "hash": "sha256", "padding": "pkcs1",
			"digest": hex8(sum256[:]), "hedge": "ff", "result": "ok"})
		p.want(wire.OK, wire.Request{Op: wire.OpSign, Name: "ed25519", Message: true, Data: message})
		check(map[string]any{"peer": "uid:1", "key": "ed25519", "op": "sign", "digest": hex8(sum256[:]), "result": "ok"})
		finished := []byte(strings.Repeat(" ", 64) + "TLS 1.3, server CertificateVerify\x00" + strings.Repeat("h", 32))
		p.want(wire.OK, wire.Request{Op: wire.OpSign, Name: "rsa", Padding: wire.PSS, Salt: 32, Hash: wire.SHA256, Message: true, Data: finished})
		if got := last(); got["context"] != "tls13-server" || got["padding"] != "pss" {
			t.Errorf("%v", got)
		}
		bound := wire.Request{Op: wire.OpSign, Name: "ed25519", Message: true, Data: finished, Context: "c"}
		p.want(wire.OK, bound)
		if got := last(); got["context"] != nil {
			t.Errorf("%v", got)
		}
		p.want(wire.Denied, wire.Request{Op: wire.OpSign, Name: "rsa", Padding: wire.PKCS1, Data: message})
		if got := last(); got["hash"] != "nohash" || got["digest"] != hex8(sum256[:]) {
			t.Errorf("%v", got) // the data itself may be less than 8 bytes, or begin as all do
		}
		p.want(wire.Denied, wire.Request{Op: wire.OpSign, Name: "ecdsa", Hash: wire.SHA256, Data: sum256[:]})
		check(map[string]any{"peer": "uid:1", "key": "ecdsa", "op": "sign", "hash": "sha256", "digest": hex8(sum256[:]), "result": "denied"})
		r.Name = "another"
		p.want(wire.NoKey, r)
		if got := last(); got["result"] != "no key" || got["key"] != "another" {
			t.Errorf("%v", got)
		}
		if log.n != 7 {
			t.Errorf("%d writes for %d answers", log.n, 7)
		}

		log.fail(errors.New("full disk at /var/log"))
		for range 2 {
			if a := p.want(wire.Unavailable, digestRequest()); strings.Contains(a.Text, "/var") || a.Data != nil {
				t.Errorf("%+v", a)
			}
		}
		if st := s.Stats(); !st.AuditFailing || st.Peers[0].Outcomes.Unavailable != 2 {
			t.Errorf("%+v", st)
		}
		var other record
		s.SetAudit(&other)
		synctest.Wait()
		p.want(wire.OK, digestRequest())
		if n := len(other.lines()); n == 0 {
			t.Error("no line in the new writer")
		}
		if st := s.Stats(); st.AuditFailing || st.AuditWritten < 6 {
			t.Errorf("%+v", st)
		}
		closeAll(s, p)
	})
}

func hex8(digest []byte) string {
	const digits = "0123456789abcdef"
	var b strings.Builder
	for _, c := range digest[:8] {
		b.WriteByte(digits[c>>4])
		b.WriteByte(digits[c&15])
	}
	return b.String()
}

// With AuditOptional signatures are given while the log fails. SetAudit begins a log.
func TestAuditOptional(t *testing.T) {
	var log record
	log.fail(syscall.ENOSPC)
	s := newServer(t, Config{Keys: testkeys.All(), Allow: []byte(allKeys), AuditOptional: true})
	p := connect(t, s, 1)
	p.want(wire.OK, digestRequest())
	s.SetAudit(&log)
	for range 3 {
		p.want(wire.OK, digestRequest())
	}
	log.fail(nil)
	if err := s.Close(); err != nil || len(log.lines()) < 3 {
		t.Errorf("%v, %q", err, log.lines())
	}
}

// blockedWriter is a disk that hangs until the channel is closed.
type blockedWriter chan struct{}

func (w blockedWriter) Write(b []byte) (int, error) {
	<-w
	return len(b), nil
}

// While the audit log falls behind, clients are told to be slower.
func TestAuditBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := make(blockedWriter)
		key := boundKey{rsaKey, func(context.Context) ([]byte, error) { return []byte{1}, nil }}
		s := newServer(t, Config{
			Keys:     map[string]crypto.Signer{"rsa": key},
			Allow:    []byte("allow uid:1 sign rsa"),
			Audit:    disk,
			InFlight: 100_000,
		})
		p := connect(t, s, 1)
		first := make(chan wire.Answer)
		go func() { first <- p.receive() }()
		for sent := 0; ; sent++ {
			p.send(digestRequest())
			synctest.Wait()
			select {
			case a := <-first:
				if a.Status != wire.Busy || a.Text == "" || sent < 1000 {
					t.Errorf("request %d: %+v", sent, a)
				}
				close(disk)
				closeAll(s, p)
				return
			default:
			}
		}
	})
}

// Shutdown refuses new requests, answers those under way, and then ends connections.
func TestShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key := newGatedKey(rsaKey)
		var log record
		s := newServer(t, Config{Keys: map[string]crypto.Signer{"rsa": key}, Allow: []byte("allow uid:1 sign rsa"), Audit: &log})
		idle, busy := connect(t, s, 1), connect(t, s, 1)
		id := busy.send(digestRequest())
		<-key.began
		down := make(chan error, 1)
		go func() { down <- s.Shutdown(t.Context()) }()
		if a := idle.receive(); a.ID != 0 || a.Status != wire.Unavailable {
			t.Errorf("%+v", a)
		}
		if err := idle.ended(); err != ErrClosed {
			t.Errorf("%v", err)
		}
		busy.want(wire.Unavailable, digestRequest())
		busy.want(wire.Unavailable, wire.Request{Op: wire.OpPing})
		late := dialPipe(t, s, 1)
		if a := late.receive(); a.ID != 0 || a.Status != wire.Unavailable {
			t.Errorf("%+v", a)
		}
		if err := late.ended(); err != ErrClosed {
			t.Errorf("%v", err)
		}
		key.gate <- nil
		if a := busy.receive(); a.ID != id || a.Status != wire.OK {
			t.Errorf("%+v", a)
		}
		if a := busy.receive(); a.ID != 0 {
			t.Errorf("%+v", a)
		}
		if err := busy.ended(); err != ErrClosed {
			t.Errorf("%v", err)
		}
		if err := <-down; err != nil || len(log.lines()) != 1 {
			t.Errorf("%v, %q", err, log.lines())
		}
		if err := s.Shutdown(t.Context()); err != nil {
			t.Errorf("a second time: %v", err)
		}
	})
}

// A client that goes on asking does not hold up Shutdown.
func TestShutdownInFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, Config{Keys: testkeys.All(), Allow: []byte(allKeys)})
		p := connect(t, s, 1)
		go func() {
			for i := uint64(1); ; i++ {
				b, _ := wire.AppendRequest(nil, &wire.Request{ID: i, Op: wire.OpPing})
				if _, err := p.conn.Write(b); err != nil {
					return
				}
			}
		}()
		go func() {
			for {
				if _, err := wire.ReadFrame(p.reader, wire.MaxFrame); err != nil {
					return
				}
			}
		}()
		if err := s.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		closeAll(s, p)
	})
}

// Shutdown whose context ends closes the server, as Close does at once.
func TestShutdownTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, closes := range []func(s *Server) error{
			(*Server).Close,
			func(s *Server) error {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				err := s.Shutdown(ctx)
				if !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%v", err)
				}
				return nil
			},
		} {
			hangs := newGatedKey(rsaKey)
			s := newServer(t, Config{Keys: map[string]crypto.Signer{"rsa": hangs}, Allow: []byte("allow uid:1 sign rsa"), Audit: new(record)})
			p := connect(t, s, 1)
			p.send(digestRequest())
			<-hangs.began
			if err := closes(s); err != nil {
				t.Errorf("%v", err)
			}
			if err := <-p.result; err != ErrClosed {
				t.Errorf("%v", err)
			}
			hangs.gate <- nil
			synctest.Wait()
		}
	})
}

// The client of a Unix socket is known by its credentials.
func TestServeUnix(t *testing.T) {
	if !knowsPeers {
		t.Skip("this system does not tell whose process has connected")
	}
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s := newServer(t, Config{Keys: testkeys.All()})
	served := make(chan error, 1)
	go func() { served <- s.ServeUnix(l) }()
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	p := newFramer(t, conn)
	p.greet()
	p.want(wire.Denied, digestRequest())
	self := allow.UnixPeer(uint32(os.Getuid())).String()
	if err := s.SetAllow([]byte("allow " + self + " sign rsa")); err != nil {
		t.Fatal(err)
	}
	p.want(wire.OK, digestRequest())
	if st := s.Stats(); st.Peers[0].Name != self {
		t.Errorf("%+v", st)
	}
	if err := s.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-served; err != ErrClosed {
		t.Errorf("%v", err)
	}
	if a := p.receive(); a.ID != 0 || a.Status != wire.Unavailable {
		t.Errorf("%+v", a)
	}
	if _, err := net.Dial("unix", path); err == nil {
		t.Error("the listener is open")
	}
}

func TestServeUnixErrors(t *testing.T) {
	s := newServer(t, Config{})
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.ServeUnix(tcp); err == nil || !strings.Contains(err.Error(), "TCPListener") {
		t.Errorf("%v", err)
	}
	_ = s.Close()
	l := testunix.Listen(t, filepath.Join(t.TempDir(), "s"))
	if err := s.ServeUnix(l); knowsPeers && err != ErrClosed || err == nil {
		t.Errorf("%v", err)
	}
}

// failingListener fails with each error in turn, and then blocks until it is closed.
type failingListener struct {
	net.Listener
	errs   []error
	closed chan struct{}
}

func (l *failingListener) Accept() (net.Conn, error) {
	if len(l.errs) == 0 {
		<-l.closed
		return nil, net.ErrClosed
	}
	err := l.errs[0]
	l.errs = l.errs[1:]
	return nil, &net.OpError{Op: "accept", Err: os.NewSyscallError("accept", err)}
}

func (l *failingListener) Addr() net.Addr { return &net.UnixAddr{Name: "s", Net: "unix"} }

// While there are no descriptors Accept is tried again, less and less often.
func TestAcceptErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, Config{})
		l := &failingListener{errs: []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.EBADF}}
		start := time.Now()
		if err := s.accept(l, nil); !errors.Is(err, syscall.EBADF) || time.Since(start) != (5+10+20)*time.Millisecond {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		l = &failingListener{errs: make([]error, 20)}
		for i := range l.errs {
			l.errs[i] = syscall.EMFILE
		}
		go func() { _ = s.accept(l, nil) }()
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if n := 20 - len(l.errs); n < 10 || n > 20 {
			t.Errorf("%d errors in 10 s", n)
		}
		closeAll(s) // ends the wait
	})
}

// Only the first clients have statistics of their own, and the rest is summed up.
func TestStatsAreBounded(t *testing.T) {
	s := newServer(t, Config{Keys: testkeys.All()})
	const n = maxNamed + 10
	for uid := range n {
		p := connect(t, s, uint32(uid))
		p.want(wire.Denied, digestRequest())
		if uid == n-1 {
			if st := s.Stats(); st.Others.Sessions != 1 || st.Sessions != 1 {
				t.Errorf("%+v", st.Others)
			}
		}
		_ = p.conn.Close()
		<-p.result
	}
	st := s.Stats()
	if len(st.Peers) != maxNamed || st.Others != (PeerStats{Outcomes: Outcomes{Denied: 10}}) || len(s.clients) != maxNamed {
		t.Errorf("%d peers, others %+v, %d clients", len(st.Peers), st.Others, len(s.clients))
	}
}
