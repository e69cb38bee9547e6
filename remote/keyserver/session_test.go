package keyserver

import (
	"context"
	"crypto"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"asynccrypto/engine"
	"asynccrypto/remote/internal/testkeys"
	"asynccrypto/remote/internal/wire"
)

// A client's requests are bounded over all its connections. The further ones are busy at once, and
// other clients do not notice.
func TestInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key := newGatedKey(rsaKey)
		s := newServer(t, Config{
			Keys:     map[string]crypto.Signer{"rsa": key},
			Allow:    []byte("allow uid:1 sign rsa\nallow uid:2 sign rsa"),
			InFlight: 3,
		})
		one, other, stranger := connect(t, s, 1), connect(t, s, 1), connect(t, s, 2)
		if one.hello.InFlight != 3 {
			t.Errorf("%+v", one.hello)
		}
		for range 2 {
			one.send(digestRequest())
		}
		other.send(digestRequest())
		synctest.Wait()
		if st := s.Stats(); st.InFlight != 3 || st.Sessions != 3 || st.Peers[0].InFlight != 3 || st.Peers[0].Sessions != 2 {
			t.Errorf("%+v", st)
		}
		one.want(wire.Busy, digestRequest())
		other.want(wire.Busy, digestRequest())
		one.want(wire.OK, wire.Request{Op: wire.OpPing}) // is not bounded
		stranger.send(digestRequest())
		for range 4 {
			key.gate <- nil
		}
		for _, p := range []*framer{one, one, other, stranger} {
			if a := p.receive(); a.Status != wire.OK {
				t.Errorf("%+v", a)
			}
		}
		// A client that has an answer has room for a request.
		for range 10 {
			one.send(digestRequest())
			key.gate <- nil
			if a := one.receive(); a.Status != wire.OK {
				t.Errorf("%+v", a)
			}
		}
		st := s.Stats()
		if st.InFlight != 0 || st.Peers[0].Outcomes != (Outcomes{Signed: 13, Busy: 2}) || st.Peers[1].Outcomes != (Outcomes{Signed: 1}) {
			t.Errorf("%+v", st)
		}
		closeAll(s, one, other, stranger)
	})
}

// Requests that a client has left behind count for it when it comes again.
func TestInFlightOfLeavers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		hangs := boundKey{rsaKey, func(context.Context) ([]byte, error) {
			<-gate
			return []byte{1}, nil
		}}
		s := newServer(t, Config{Keys: map[string]crypto.Signer{"rsa": hangs}, Allow: []byte("allow uid:1 sign rsa"), InFlight: 2})
		s.named = maxNamed // the client has no statistics of its own
		p := connect(t, s, 1)
		p.send(digestRequest())
		p.send(digestRequest())
		synctest.Wait()
		_ = p.conn.Close()
		synctest.Wait()
		p = connect(t, s, 1)
		p.want(wire.Busy, digestRequest())
		if st := s.Stats(); st.InFlight != 2 || st.Others.InFlight != 2 {
			t.Errorf("%+v", st)
		}
		close(gate)
		synctest.Wait()
		p.want(wire.OK, digestRequest())
		_ = p.conn.Close()
		synctest.Wait()
		if len(s.clients) != 0 {
			t.Errorf("%d clients are left", len(s.clients))
		}
		closeAll(s)
	})
}

// closeAll ends everything for which a synctest bubble would wait.
func closeAll(s *Server, clients ...*framer) {
	for _, p := range clients {
		_ = p.conn.Close()
	}
	_ = s.Close()
	synctest.Wait()
}

// Connections of a client are bounded. One that has ended makes room.
func TestConns(t *testing.T) {
	s := newServer(t, Config{Keys: testkeys.All(), Allow: []byte(allKeys), Conns: 2})
	first, second := connect(t, s, 1), connect(t, s, 1)
	third := dialPipe(t, s, 1)
	if a := third.receive(); a.ID != 0 || a.Status != wire.Busy || !strings.Contains(a.Text, "2 connections") {
		t.Errorf("%+v", a)
	}
	if err := third.ended(); err == nil {
		t.Error("no error")
	}
	connect(t, s, 2) // another client
	_ = first.conn.Close()
	if err := <-first.result; err != nil {
		t.Errorf("a client that leaves: %v", err)
	}
	connect(t, s, 1)
	second.want(wire.OK, wire.Request{Op: wire.OpPing})
}

// Connections that fail do not fill the log.
func TestLogOfConnectionsIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log record
		s := newServer(t, Config{Logger: log.Logger()})
		for range 2 {
			for range 10 {
				s.logFailure(7, errors.New("broken"))
				s.logFailure(7, ErrClosed)
				s.logFailure(7, nil)
			}
			time.Sleep(time.Second)
		}
		if n := strings.Count(log.String(), "uid=7 error=broken"); n != 2 || len(log.lines()) != 2 {
			t.Errorf("%d lines:\n%s", n, log.String())
		}
	})
}

// A client that does not read its answers is closed, and one that reads slowly is not.
func TestWriteTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, Config{Keys: testkeys.All(), Allow: []byte(allKeys), WriteTimeout: 3 * time.Second})
		p := connect(t, s, 1)
		for range 3 {
			p.send(digestRequest())
			time.Sleep(2900 * time.Millisecond)
			if a := p.receive(); a.Status != wire.OK {
				t.Errorf("%+v", a)
			}
		}
		start := time.Now()
		p.send(digestRequest())
		if err := <-p.result; err == nil || !strings.Contains(err.Error(), "does not read its answers") {
			t.Errorf("%v", err)
		}
		if took := time.Since(start); took != 3*time.Second {
			t.Errorf("closed after %v", took)
		}
		closeAll(s)
	})
}

// While too many answers wait to be sent the server reads no requests.
func TestFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, Config{Keys: testkeys.All(), Allow: []byte(allKeys), WriteTimeout: time.Hour})
		p := connect(t, s, 1)
		sent := 0
		for {
			b, err := wire.AppendRequest(nil, &wire.Request{ID: uint64(sent + 1), Op: wire.OpPing})
			if err != nil {
				t.Fatal(err)
			}
			_ = p.conn.SetWriteDeadline(time.Now().Add(time.Second))
			if _, err := p.conn.Write(b); err != nil {
				break
			}
			sent++
		}
		if most := 2 * maxQueued / answerOverhead; sent > most {
			t.Errorf("the server has taken %d requests of a client that reads nothing; %d are too many", sent, most)
		}
		for i := range sent - 1 { // the last one may have been read in part
			if a := p.receive(); a.Status != wire.OK {
				t.Fatalf("answer %d: %+v", i, a)
			}
		}
		closeAll(s, p)
	})
}

// The answers of requests that end together are one write.
func TestAnswersAreGathered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key := newGatedKey(rsaKey)
		s := newServer(t, Config{Keys: map[string]crypto.Signer{"rsa": key}, Allow: []byte("allow uid:1 sign rsa")})
		p := connect(t, s, 1)
		p.send(digestRequest())
		key.gate <- nil
		synctest.Wait() // the answer is being written: nobody reads
		for range 9 {
			p.send(digestRequest())
		}
		for range 9 {
			key.gate <- nil
		}
		synctest.Wait()
		const answer = 4 + 9 + 256 // the prefix, the number and the status, the signature
		b := make([]byte, 64<<10)
		for _, want := range []int{answer, 9 * answer} {
			if n, err := p.conn.Read(b); n != want || err != nil {
				t.Errorf("a write of %d bytes, %v, want %d", n, err, want)
			}
		}
		closeAll(s, p)
	})
}

// A hello is answered with the version; anything else has an answer that says why, or none if the
// client is too slow.
func TestHello(t *testing.T) {
	s := newServer(t, Config{Keys: testkeys.All(), Allow: []byte(allKeys)})
	if p := connect(t, s, 1); p.hello != (wire.Hello{Min: 1, Max: 1, MaxFrame: wire.MaxFrame, InFlight: 256}) {
		t.Errorf("%+v", p.hello)
	}
	bound := math.MaxInt - 1 // has more bits than the field of a hello, on 64-bit systems
	if p := connect(t, newServer(t, Config{InFlight: bound}), 1); p.hello.InFlight != uint32(min(uint64(bound), math.MaxUint32)) {
		t.Errorf("%d requests at once are %+v", bound, p.hello)
	}
	newer := wire.ClientHello()
	newer.Max = 7
	longer := wire.AppendHello(nil, newer)
	longer = append(longer, "of a later version"...)
	longer[3] += byte(len("of a later version"))
	p := dialPipe(t, s, 1)
	p.write(longer)
	if hello, err := wire.ParseHello(p.frame()); err != nil || hello.Min != 1 || hello.Max != 1 {
		t.Errorf("%+v, %v", hello, err)
	}
	p.want(wire.OK, digestRequest())

	unknown := wire.ClientHello()
	unknown.Min, unknown.Max = 2, 3
	request, _ := wire.AppendRequest(nil, &wire.Request{ID: 1, Op: wire.OpPing})
	for name, first := range map[string][]byte{
		"unknown versions": wire.AppendHello(nil, unknown),
		"a request":        request,
		"HTTP":             []byte("GET / HTTP/1.1\r\n\r\n"),
	} {
		p := dialPipe(t, s, 1)
		go func() { _, _ = p.conn.Write(first) }()
		a := p.receive()
		if a.ID != 0 || a.Status != wire.Bad || a.Text == "" {
			t.Errorf("%s: %+v", name, a)
		}
		if err := <-p.result; err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	p = dialPipe(t, s, 1)
	_ = p.conn.Close()
	if err := <-p.result; err != nil {
		t.Errorf("a client that leaves without a hello: %v", err)
	}
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, Config{WriteTimeout: 3 * time.Second})
		start := time.Now()
		p := dialPipe(t, s, 1)
		if err := <-p.result; err == nil || time.Since(start) != 3*time.Second {
			t.Errorf("no hello: %v after %v", err, time.Since(start))
		}
		closeAll(s, p)
	})
}

// A malformed frame ends the connection, with an answer that says why.
func TestMalformedFrame(t *testing.T) {
	key := newGatedKey(rsaKey)
	s := newServer(t, Config{Keys: map[string]crypto.Signer{"rsa": key}, Allow: []byte(allKeys)})
	p := connect(t, s, 1)
	p.send(digestRequest())
	<-key.began // is not waited for
	p.write([]byte{0, 0, 0, 5, 1, 2, 3, 4, 5})
	if a := p.receive(); a.ID != 0 || a.Status != wire.Bad || !strings.Contains(a.Text, "5 bytes") {
		t.Errorf("%+v", a)
	}
	if err := p.ended(); !errors.Is(err, wire.ErrMalformed) {
		t.Errorf("%v", err)
	}
	key.gate <- nil
}

// A client lists the keys that it may use, and no others.
func TestList(t *testing.T) {
	s := newServer(t, Config{Keys: testkeys.All(), Allow: []byte("allow uid:1 sign:pss,sha256 rsa\nallow uid:1 sign ecdsa rsa\nallow uid:2 sign ed25519")})
	p := connect(t, s, 1)
	list := func(r wire.Request) string {
		t.Helper()
		r.Op = wire.OpList
		keys, err := wire.ParseKeys(p.want(wire.OK, r).Data)
		if err != nil {
			t.Fatal(err)
		}
		var all []string
		for _, k := range keys {
			if wire.KeyID(sha256.Sum256(k.SPKI)) != idOf(t, testkeys.All()[k.Name].Public()) {
				t.Errorf("another key as %s", k.Name)
			}
			all = append(all, k.Name+" "+strings.Join(k.Rules, " "))
		}
		return strings.Join(all, "; ")
	}
	for _, test := range []struct{ name, after, want string }{
		{"", "", "ecdsa sign; rsa sign sign:pss,sha256"},
		{"", "ecdsa", "rsa sign sign:pss,sha256"},
		{"", "f", "rsa sign sign:pss,sha256"},
		{"", "rsa", ""},
		{"rsa", "", "rsa sign sign:pss,sha256"},
		{"ed25519", "", ""},
		{"none", "", ""},
	} {
		if got := list(wire.Request{Name: test.name, Data: []byte(test.after)}); got != test.want {
			t.Errorf("%q after %q: %q, want %q", test.name, test.after, got, test.want)
		}
	}
	p.want(wire.Bad, wire.Request{Op: wire.OpList, Data: make([]byte, 256)})
	if st := s.Stats(); st.Peers[0].Lookups != (Lookups{Found: 1, Denied: 1, NoKey: 1}) {
		t.Errorf("%+v", st.Peers[0])
	}
}

// A list that is longer than the client accepts comes in several answers.
func TestLongList(t *testing.T) {
	const n = 300
	keys, allow := map[string]crypto.Signer{}, "allow uid:1 sign"
	set := &keySet{byName: map[string]*key{}, unused: make(chan struct{})}
	for i := range n {
		name := fmt.Sprintf("key%03d%s", i, strings.Repeat("x", 200))
		set.sorted = append(set.sorted, &key{name: name, spki: make([]byte, 300)})
		allow += " " + name
	}
	s := newServer(t, Config{Keys: keys, Allow: []byte(allow)})
	s.keys = set
	after, answers, listed := "", 0, 0
	p := dialPipe(t, s, 1)
	p.write(wire.AppendHello(nil, wire.Hello{Min: 1, Max: 1, MaxFrame: wire.MinFrame}))
	p.frame()
	for {
		a := p.want(wire.OK, wire.Request{Op: wire.OpList, Data: []byte(after)})
		part, err := wire.ParseKeys(a.Data)
		if err != nil || wire.AnswerSize(&a) > wire.MinFrame {
			t.Fatalf("%d bytes, %v", len(a.Data), err)
		}
		if len(part) == 0 {
			break
		}
		answers++
		listed += len(part)
		after = part[len(part)-1].Name
	}
	if listed != n || answers < 5 || answers > 10 {
		t.Errorf("%d keys in %d answers", listed, answers)
	}
}

// A client that leaves ends its requests.
func TestClientLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hangs := newGatedKey(rsaKey)
		s := newServer(t, Config{Keys: map[string]crypto.Signer{"rsa": hangs}, Allow: []byte("allow uid:1 sign rsa")})
		p := connect(t, s, 1)
		p.send(digestRequest())
		<-hangs.began
		_ = p.conn.Close()
		synctest.Wait()
		if st := s.Stats(); st.InFlight != 0 || st.Sessions != 0 || st.Peers[0].Outcomes != (Outcomes{Expired: 1}) {
			t.Errorf("%+v", st)
		}
		hangs.gate <- nil
		closeAll(s)
	})
}

// Whatever comes over a connection, the server does not panic, ends the connection when the client
// does, and serves others.
func FuzzFrames(f *testing.F) {
	hello := wire.AppendHello(nil, wire.ClientHello())
	request := func(r wire.Request) []byte {
		r.ID = 1
		return testkeys.Must(wire.AppendRequest(nil, &r))
	}
	f.Add(hello, uint8(3))
	f.Add(append(hello, request(digestRequest())...), uint8(1))
	f.Add(append(hello, request(wire.Request{Op: wire.OpList})...), uint8(200))
	f.Add(append(hello, request(wire.Request{Op: wire.OpSign, Name: "ed25519", Message: true, Data: message})...), uint8(16))
	f.Add(append(hello, 0, 0, 0, 1, 1), uint8(0))
	s, err := New(Config{Keys: testkeys.All(), Allow: []byte(allKeys)})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = s.Close() })
	f.Fuzz(func(t *testing.T, stream []byte, chunk uint8) {
		client, server := net.Pipe()
		result := make(chan error, 1)
		go func() { result <- s.ServeConn(server, 1) }()
		go func() { _, _ = io.Copy(io.Discard, client) }()
		for n := int(chunk) + 1; len(stream) > 0; stream = stream[min(n, len(stream)):] {
			if _, err := client.Write(stream[:min(n, len(stream))]); err != nil {
				break
			}
		}
		_ = client.Close()
		<-result
		connect(t, s, 2).want(wire.OK, wire.Request{Op: wire.OpPing})
	})
}

// A request that is the server's only one is signed by the goroutine that has read it, if the key's
// engine lets it. One that comes while another is under way goes to the engine's worker.
func TestAlone(t *testing.T) {
	work := make(chan *engine.Request, 2)
	eng, err := engine.New(engine.Config{Name: "test", Workers: 1, Direct: true, Handler: func(batch []*engine.Request) {
		for _, r := range batch {
			work <- r
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = eng.Close() })
	signer, err := eng.Signer(rsaKey)
	if err != nil {
		t.Fatal(err)
	}
	hangs := newGatedKey(ecdsaKey)
	s := newServer(t, Config{
		Keys:  map[string]crypto.Signer{"rsa": signer, "hangs": hangs},
		Allow: []byte("allow uid:1 sign rsa hangs"),
	})
	p := newFramer(t, socketPair(t, s))
	p.greet()
	for n := range uint64(2) {
		p.want(wire.OK, digestRequest())
		if st := eng.Stats(); st.Completed != n+1 || len(work) != 0 {
			t.Errorf("alone: %+v", st)
		}
	}
	r := digestRequest()
	r.Name, r.Padding = "hangs", wire.NoPadding
	first := p.send(r)
	<-hangs.began
	second := p.send(digestRequest())
	(<-work).Run()
	if a := p.receive(); a.ID != second || a.Status != wire.OK {
		t.Errorf("beside another: %+v", a)
	}
	hangs.gate <- nil
	if a := p.receive(); a.ID != first || a.Status != wire.OK {
		t.Errorf("the first: %+v", a)
	}
}

// A session is the only caller unless another one has asked for a signature, too, within a crowd.
func TestOnlyCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, Config{Keys: map[string]crypto.Signer{"rsa": rsaKey}, Allow: []byte("allow uid:1 sign rsa")})
		a, b := new(session), new(session)
		for i, step := range []struct {
			after time.Duration
			by    *session
			only  bool
		}{
			{0, a, true}, {0, a, true},
			{0, b, false}, {0, b, false}, {crowd - 1, b, false}, {1, b, true},
			{crowd - 1, a, false}, {crowd, b, true}, {0, b, true},
		} {
			time.Sleep(step.after)
			if only := s.onlyCaller(step.by); only != step.only {
				t.Errorf("step %d: the only caller: %v", i, only)
			}
		}
	})
}
