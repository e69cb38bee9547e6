package keyserver

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	"asynccrypto/internal/testca"
	"asynccrypto/remote/internal/pbwire"
	"asynccrypto/remote/internal/testkeys"
	"asynccrypto/remote/internal/wire"
	"asynccrypto/remote/keyserverpb"
)

// serveGRPC serves s in memory and returns a function that connects.
func serveGRPC(t testing.TB, s *Server, creds credentials.TransportCredentials) (dial func(credentials.TransportCredentials) keyserverpb.KeyServerClient) {
	t.Helper()
	l := bufconn.Listen(1 << 16)
	g := grpc.NewServer(append(ServerOptions(), grpc.Creds(s.Credentials(creds)))...)
	s.RegisterGRPC(g)
	go func() { _ = g.Serve(l) }()
	t.Cleanup(g.Stop)
	return func(creds credentials.TransportCredentials) keyserverpb.KeyServerClient {
		t.Helper()
		conn, err := grpc.NewClient("passthrough:///keyserver", grpc.WithTransportCredentials(creds),
			grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return l.DialContext(ctx) }))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		return keyserverpb.NewKeyServerClient(conn)
	}
}

// The client is known by its certificate, which TLS 1.3 has verified.
func TestCertificates(t *testing.T) {
	a, foreign := testca.New(t), testca.New(t)
	server := a.Issue(t, "keyserver")
	s := newServer(t, Config{Keys: testkeys.All(), Allow: []byte("allow dns:app sign rsa\nallow spiffe://corp/edge sign ecdsa")})
	serve := func(auth tls.ClientAuthType) func(credentials.TransportCredentials) keyserverpb.KeyServerClient {
		return serveGRPC(t, s, credentials.NewTLS(&tls.Config{Certificates: []tls.Certificate{server}, ClientAuth: auth, ClientCAs: a.Pool}))
	}
	lax, strict := serve(tls.RequestClientCert), serve(tls.RequireAndVerifyClientCert)
	client := func(max uint16, certs ...tls.Certificate) credentials.TransportCredentials {
		return credentials.NewTLS(&tls.Config{
			GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
				return &append(certs, tls.Certificate{})[0], nil
			},
			RootCAs: a.Pool, ServerName: "keyserver", MaxVersion: max,
		})
	}
	rsaRequest := func() *keyserverpb.Request {
		return &keyserverpb.Request{KeyName: "rsa", Hash: keyserverpb.Hash_HASH_SHA256, Padding: keyserverpb.Padding_PADDING_PKCS1, Digest: sum256[:], Id: 9}
	}
	app := a.Issue(t, "app")
	for _, test := range []struct {
		name   string
		client keyserverpb.KeyServerClient
		want   keyserverpb.Status
		code   codes.Code
	}{
		{"DNS name", strict(client(0, app)), keyserverpb.Status_STATUS_OK, codes.OK},
		{"two names", strict(client(0, a.Issue(t, "x", "app", "spiffe://corp/x"))), keyserverpb.Status_STATUS_OK, codes.OK},
		{"another URI", strict(client(0, a.Issue(t, "spiffe://corp/edge"))), keyserverpb.Status_STATUS_DENIED, codes.OK},
		{"a longer name", strict(client(0, a.Issue(t, "app.example"))), keyserverpb.Status_STATUS_DENIED, codes.OK},
		{"no name", strict(client(0, a.Issue(t))), 0, codes.Unauthenticated},
		{"no certificate", lax(client(0)), 0, codes.Unauthenticated},
		{"not verified", lax(client(0, foreign.Issue(t, "app"))), 0, codes.Unauthenticated},
		{"TLS 1.2", strict(client(tls.VersionTLS12, app)), 0, codes.Unauthenticated},
		{"another authority", strict(client(0, foreign.Issue(t, "app"))), 0, codes.Unavailable},
		{"expired", strict(client(0, a.IssueUntil(t, time.Now().Add(-time.Minute), "app"))), 0, codes.Unavailable},
	} {
		answer, err := test.client.Sign(t.Context(), rsaRequest())
		if status.Code(err) != test.code || answer.GetStatus() != test.want {
			t.Errorf("%s: %v, %v", test.name, answer, err)
		}
		if answer != nil && answer.GetId() != 9 {
			t.Errorf("%s: the number %d", test.name, answer.GetId())
		}
		if test.code == codes.Unauthenticated {
			_, err := test.client.ListKeys(t.Context(), &keyserverpb.ListKeysRequest{})
			if status.Code(err) != test.code {
				t.Errorf("%s: ListKeys: %v", test.name, err)
			}
			stream, err := test.client.Session(t.Context())
			if err == nil {
				_, err = stream.Recv()
			}
			if status.Code(err) != test.code {
				t.Errorf("%s: Session: %v", test.name, err)
			}
		}
	}
}

// Connections of a client are bounded, also those without a session, and of clients that have no name.
func TestConnectionsOfGRPC(t *testing.T) {
	a := testca.New(t)
	var log record
	s := newServer(t, Config{Keys: testkeys.All(), Conns: 2, Logger: log.Logger()})
	dial := serveGRPC(t, s, credentials.NewTLS(&tls.Config{
		Certificates: []tls.Certificate{a.Issue(t, "keyserver")}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: a.Pool,
	}))
	for _, test := range []struct {
		name string
		cert tls.Certificate
		code codes.Code
	}{
		{"app", a.Issue(t, "app"), codes.OK},
		{"another", a.Issue(t, "another"), codes.OK},
		{"no name", a.Issue(t), codes.Unauthenticated},
	} {
		creds := credentials.NewTLS(&tls.Config{Certificates: []tls.Certificate{test.cert}, RootCAs: a.Pool, ServerName: "keyserver"})
		for n := range 3 {
			want := test.code
			if n == 2 {
				want = codes.Unavailable
			}
			if _, err := dial(creds).ListKeys(t.Context(), &keyserverpb.ListKeysRequest{}); status.Code(err) != want {
				t.Errorf("connection %d of %s: %v", n, test.name, err)
			}
		}
	}
	if st := s.Stats(); len(st.Peers) != 2 {
		t.Errorf("%+v", st)
	}
	if !strings.Contains(log.String(), "certificate has no DNS name or URI") {
		t.Errorf("the log has %q", log.String())
	}
}

// A connection that has ended, by its client or by neglect, makes room.
func TestConnectionsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, Config{Keys: testkeys.All(), Conns: 1})
		leaf := &x509.Certificate{DNSNames: []string{"app"}, NotAfter: time.Now().Add(24 * time.Hour)}
		dial := serveGRPC(t, s, plainCreds{insecure.NewCredentials(), leaf})
		count := func() int {
			synctest.Wait()
			s.mu.Lock()
			defer s.mu.Unlock()
			return s.clients["dns:app"].holds[connHold]
		}
		if _, err := dial(insecure.NewCredentials()).ListKeys(t.Context(), &keyserverpb.ListKeysRequest{}); err != nil || count() != 1 {
			t.Errorf("%v, %d connections", err, count())
		}
		time.Sleep(idleTime + time.Second)
		if n := count(); n != 0 {
			t.Errorf("%d connections are idle", n)
		}
		c := openSession(t, dial(insecure.NewCredentials()), wire.ClientHello())
		time.Sleep(2 * idleTime)
		if n := count(); n != 1 {
			t.Errorf("%d connections with a session", n)
		}
		_ = c.stream.CloseSend()
		_ = c.ended()
		closeAll(s)
	})
}

// plainCreds are credentials without TLS, by which every client has one certificate.
type plainCreds struct {
	credentials.TransportCredentials
	leaf *x509.Certificate
}

func (c plainCreds) ServerHandshake(conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return conn, credentials.TLSInfo{
		State:          tls.ConnectionState{Version: tls.VersionTLS13, VerifiedChains: [][]*x509.Certificate{{c.leaf}}},
		CommonAuthInfo: credentials.CommonAuthInfo{SecurityLevel: credentials.PrivacyAndIntegrity},
	}, nil
}

// plain serves s to a client with the name "app".
func plain(t testing.TB, s *Server, notAfter time.Time) keyserverpb.KeyServerClient {
	leaf := &x509.Certificate{DNSNames: []string{"app"}, NotAfter: notAfter}
	return serveGRPC(t, s, plainCreds{insecure.NewCredentials(), leaf})(insecure.NewCredentials())
}

// caller is a session of gRPC.
type caller struct {
	t      testing.TB
	stream keyserverpb.KeyServer_SessionClient
	hello  wire.Hello
}

func openSession(t testing.TB, client keyserverpb.KeyServerClient, hello wire.Hello) *caller {
	t.Helper()
	stream, err := client.Session(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c := &caller{t: t, stream: stream}
	c.send(&keyserverpb.ClientMessage{Hello: pbwire.ToHello(hello)})
	in, err := stream.Recv()
	if err != nil {
		t.Fatal(err)
	}
	c.hello = pbwire.FromHello(in.GetHello())
	return c
}

func (c *caller) send(m *keyserverpb.ClientMessage) {
	c.t.Helper()
	if err := c.stream.Send(m); err != nil {
		c.t.Fatal(err)
	}
}

func (c *caller) ask(requests ...wire.Request) {
	c.t.Helper()
	m := &keyserverpb.ClientMessage{}
	for i := range requests {
		m.Requests = append(m.Requests, pbwire.ToRequest(&requests[i]))
	}
	c.send(m)
}

// receive receives n answers, by their numbers, and returns how many messages they were.
func (c *caller) receive(n int) (answers map[uint64]*keyserverpb.Answer, messages int) {
	c.t.Helper()
	answers = map[uint64]*keyserverpb.Answer{}
	for len(answers) < n {
		in, err := c.stream.Recv()
		if err != nil {
			c.t.Fatalf("after %d answers: %v", len(answers), err)
		}
		messages++
		for _, a := range in.GetAnswers() {
			answers[a.GetId()] = a
		}
	}
	return answers, messages
}

// ended waits for the end of the session, and returns why.
func (c *caller) ended() error {
	c.t.Helper()
	in, err := c.stream.Recv()
	if err == nil {
		c.t.Fatalf("not the end, but %v", in)
	}
	return err
}

const allowApp = "allow dns:app sign rsa ecdsa ed25519"

// A session serves the requests of a message at once, and their answers are gathered.
func TestSession(t *testing.T) {
	s := newServer(t, Config{Keys: testkeys.All(), Allow: []byte(allowApp)})
	client := plain(t, s, time.Now().Add(time.Hour))
	c := openSession(t, client, wire.ClientHello())
	if c.hello != (wire.Hello{Min: 1, Max: 1, MaxFrame: wire.MaxFrame, InFlight: 256}) {
		t.Errorf("%+v", c.hello)
	}
	r := digestRequest()
	r.ID, r.Data = 1, sum256[:]
	c.ask(r,
		wire.Request{ID: 2, Op: wire.OpPing},
		wire.Request{ID: 3, Op: wire.OpSign, Key: idOf(t, ed25519Key.Public()), Message: true, Data: message},
		wire.Request{ID: 4, Op: wire.OpList, Data: []byte("ed25519")},
		wire.Request{ID: 5, Op: wire.OpSign, Name: "rsa", Padding: wire.PKCS1, Data: message},
		wire.Request{ID: 6, Op: wire.OpSign, Name: "another", Hash: wire.SHA256, Data: sum256[:]})
	c.send(&keyserverpb.ClientMessage{Requests: []*keyserverpb.Request{{Id: 7, Operation: keyserverpb.Operation_OPERATION_SIGN, Key: []byte("short")}}})
	answers, _ := c.receive(7)
	for id, want := range map[uint64]keyserverpb.Status{1: 0, 2: 0, 3: 0, 4: 0, 5: keyserverpb.Status_STATUS_DENIED, 6: keyserverpb.Status_STATUS_NO_KEY, 7: keyserverpb.Status_STATUS_BAD_REQUEST} {
		if answers[id].GetStatus() != want || (want == 0) != (answers[id].GetText() == "") {
			t.Errorf("%d: %v", id, answers[id])
		}
	}
	if err := rsa.VerifyPKCS1v15(&rsaKey.PublicKey, crypto.SHA256, sum256[:], answers[1].GetSignature()); err != nil {
		t.Error(err)
	}
	if keys := answers[4].GetKeys(); len(keys) != 1 || keys[0].GetName() != "rsa" || strings.Join(keys[0].GetAllowed(), " ") != "sign" {
		t.Errorf("%v", keys)
	}
	if err := c.stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	if err := c.ended(); err != io.EOF {
		t.Errorf("%v", err)
	}
	list, err := client.ListKeys(t.Context(), &keyserverpb.ListKeysRequest{})
	if err != nil || len(list.GetKeys()) != 3 || list.GetKeys()[2].GetName() != "rsa" {
		t.Errorf("%v, %v", list, err)
	}
	answer, err := client.Sign(t.Context(), &keyserverpb.Request{Operation: keyserverpb.Operation_OPERATION_PING})
	if err != nil || answer.GetStatus() != keyserverpb.Status_STATUS_BAD_REQUEST {
		t.Errorf("%v, %v", answer, err)
	}
}

// A request that gRPC brings, and the protocol does not know, is on record as any other.
func TestAuditOfBadRequests(t *testing.T) {
	var log record
	s := newServer(t, Config{Keys: testkeys.All(), Allow: []byte(allowApp), Audit: &log})
	client := plain(t, s, time.Now().Add(time.Hour))
	c := openSession(t, client, wire.ClientHello())
	both := &keyserverpb.Request{Id: 1, Operation: keyserverpb.Operation_OPERATION_SIGN, KeyName: "rsa", Digest: sum256[:], Message: message}
	c.send(&keyserverpb.ClientMessage{Requests: []*keyserverpb.Request{both}})
	if answers, _ := c.receive(1); answers[1].GetStatus() != keyserverpb.Status_STATUS_BAD_REQUEST {
		t.Errorf("%v", answers)
	}
	if a, err := client.Sign(t.Context(), both); err != nil || a.GetStatus() != keyserverpb.Status_STATUS_BAD_REQUEST || !strings.Contains(a.GetText(), "a digest and a message") {
		t.Errorf("%v, %v", a, err)
	}
	if n := strings.Count(log.String(), `"result":"bad request"`); n != 2 || s.Stats().Peers[0].Outcomes != (Outcomes{Bad: 2}) {
		t.Errorf("%s%+v", log.String(), s.Stats())
	}
}

// A session that does not begin with a hello, or has a request without a number, ends.
func TestSessionErrors(t *testing.T) {
	s := newServer(t, Config{Keys: testkeys.All(), Allow: []byte(allowApp), Conns: 1})
	client := plain(t, s, time.Now().Add(time.Hour))
	newer := wire.ClientHello()
	newer.Min, newer.Max = 2, 2
	for name, m := range map[string]*keyserverpb.ClientMessage{
		"empty":            {},
		"another version":  {Hello: pbwire.ToHello(newer)},
		"hello and more":   {Hello: pbwire.ToHello(wire.ClientHello()), Requests: []*keyserverpb.Request{{Id: 1}}},
		"requests at once": {Requests: []*keyserverpb.Request{{Id: 1}}},
	} {
		stream, err := client.Session(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		c := &caller{t: t, stream: stream}
		c.send(m)
		if err := c.ended(); status.Code(err) != codes.InvalidArgument {
			t.Errorf("%s: %v", name, err)
		}
	}
	c := openSession(t, client, wire.ClientHello())
	stream, err := client.Session(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := (&caller{t: t, stream: stream}).ended(); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("a second session: %v", err)
	}
	c.ask(wire.Request{Op: wire.OpPing})
	if err := c.ended(); status.Code(err) != codes.InvalidArgument {
		t.Errorf("the number 0: %v", err)
	}
	c = openSession(t, client, wire.ClientHello())
	c.send(&keyserverpb.ClientMessage{Requests: []*keyserverpb.Request{{Id: 1, Message: make([]byte, wire.MaxFrame)}}})
	if err := c.ended(); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("a long message: %v", err)
	}
	for n, want := range map[int]string{maxFields: "the number 0", maxFields + 1: "more than 8192 requests"} {
		c = openSession(t, client, wire.ClientHello())
		many := &keyserverpb.ClientMessage{Requests: make([]*keyserverpb.Request, n)}
		for i := range many.Requests {
			many.Requests[i] = &keyserverpb.Request{}
		}
		c.send(many)
		if err := c.ended(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%d requests: %v", n, err)
		}
	}
}

// Answers that are longer together than the client accepts come in several messages.
func TestSessionMessageSize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key := newGatedKey(rsaKey)
		s := newServer(t, Config{Keys: map[string]crypto.Signer{"rsa": key}, Allow: []byte(allowApp)})
		client := plain(t, s, time.Now().Add(time.Hour))
		hello := wire.ClientHello()
		hello.MaxFrame = wire.MinFrame
		c := openSession(t, client, hello)
		const n = 200
		for i := range uint64(n) {
			r := digestRequest()
			r.ID = i + 1
			c.ask(r)
		}
		synctest.Wait()
		for range n {
			key.gate <- nil
		}
		answers, messages := c.receive(n)
		if len(answers) != n || messages < 2 || messages > n/2 {
			t.Errorf("%d answers in %d messages", len(answers), messages)
		}
		_ = c.stream.CloseSend()
		_ = c.ended()
		closeAll(s)
	})
}

// Calls end when the client's certificate does.
func TestNotAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hangs := newGatedKey(rsaKey)
		s := newServer(t, Config{Keys: map[string]crypto.Signer{"rsa": hangs}, Allow: []byte(allowApp)})
		start := time.Now()
		client := plain(t, s, start.Add(time.Hour))
		c := openSession(t, client, wire.ClientHello())
		r := digestRequest()
		r.ID = 1
		c.ask(r)
		ended := make(chan error, 2)
		go func() {
			_, err := client.Sign(t.Context(), pbwire.ToRequest(&r))
			ended <- err
		}()
		go func() { ended <- c.ended() }()
		for range 2 {
			if err := <-ended; status.Code(err) != codes.Unauthenticated || !strings.Contains(err.Error(), "expired") {
				t.Errorf("%v", err)
			}
			if took := time.Since(start); took != time.Hour {
				t.Errorf("after %v", took)
			}
		}
		time.Sleep(time.Second)
		if _, err := client.ListKeys(t.Context(), &keyserverpb.ListKeysRequest{}); status.Code(err) != codes.Unauthenticated {
			t.Errorf("%v", err)
		}
		if st := s.Stats(); st.Sessions != 0 || st.InFlight != 0 {
			t.Errorf("%+v", st)
		}
		for range 2 {
			hangs.gate <- nil
		}
		closeAll(s)
	})
}

// A client that does not read its answers is closed, also where gRPC's flow control holds them back,
// and so is one that sends no hello.
func TestSessionWriteTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, Config{Keys: testkeys.All(), Allow: []byte(allowApp), WriteTimeout: 3 * time.Second})
		client := plain(t, s, time.Now().Add(24*time.Hour))
		silent, err := client.Session(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if _, err := silent.Recv(); status.Code(err) != codes.InvalidArgument || time.Since(start) != 3*time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		c := openSession(t, client, wire.ClientHello())
		for id := uint64(1); ; id++ {
			r := wire.Request{ID: id, Op: wire.OpSign, Name: strings.Repeat("n", 255), Padding: wire.PSS, Data: sum256[:]}
			if err := c.stream.Send(&keyserverpb.ClientMessage{Requests: []*keyserverpb.Request{pbwire.ToRequest(&r)}}); err != nil {
				break
			}
			synctest.Wait()
			if s.Stats().Sessions == 0 {
				break
			}
			if id%1000 == 0 {
				time.Sleep(time.Second)
			}
		}
		for {
			if _, err = c.stream.Recv(); err != nil {
				break
			}
		}
		if status.Code(err) != codes.ResourceExhausted || !strings.Contains(err.Error(), "does not read") {
			t.Errorf("%v", err)
		}
		closeAll(s)
	})
}

// Shutdown answers what is under way and then ends sessions. Close ends them at once.
func TestSessionShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key := newGatedKey(rsaKey)
		s := newServer(t, Config{Keys: map[string]crypto.Signer{"rsa": key}, Allow: []byte(allowApp)})
		client := plain(t, s, time.Now().Add(time.Hour))
		idle, busy := openSession(t, client, wire.ClientHello()), openSession(t, client, wire.ClientHello())
		r := digestRequest()
		r.ID = 1
		busy.ask(r)
		single := make(chan *keyserverpb.Answer, 1)
		go func() {
			a, err := client.Sign(t.Context(), pbwire.ToRequest(&r))
			if err != nil {
				t.Error(err)
			}
			single <- a
		}()
		<-key.began
		<-key.began
		down := make(chan error, 1)
		go func() { down <- s.Shutdown(t.Context()) }()
		if err := idle.ended(); status.Code(err) != codes.Unavailable {
			t.Errorf("%v", err)
		}
		a, err := client.Sign(t.Context(), pbwire.ToRequest(&r))
		if err != nil || a.GetStatus() != keyserverpb.Status_STATUS_UNAVAILABLE {
			t.Errorf("%v, %v", a, err)
		}
		if _, err := client.ListKeys(t.Context(), &keyserverpb.ListKeysRequest{}); status.Code(err) != codes.Unavailable {
			t.Errorf("%v", err)
		}
		late, err := client.Session(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := (&caller{t: t, stream: late}).ended(); status.Code(err) != codes.Unavailable {
			t.Errorf("%v", err)
		}
		key.gate <- nil
		key.gate <- nil
		if answers, _ := busy.receive(1); answers[1].GetStatus() != keyserverpb.Status_STATUS_OK {
			t.Errorf("%v", answers)
		}
		if a := <-single; a.GetStatus() != keyserverpb.Status_STATUS_OK {
			t.Errorf("%v", a)
		}
		if err := busy.ended(); status.Code(err) != codes.Unavailable {
			t.Errorf("%v", err)
		}
		if err := <-down; err != nil {
			t.Error(err)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		hangs := newGatedKey(rsaKey)
		s := newServer(t, Config{Keys: map[string]crypto.Signer{"rsa": hangs}, Allow: []byte(allowApp)})
		client := plain(t, s, time.Now().Add(time.Hour))
		c := openSession(t, client, wire.ClientHello())
		r := digestRequest()
		r.ID = 1
		c.ask(r)
		single := make(chan error, 1)
		go func() {
			_, err := client.Sign(t.Context(), pbwire.ToRequest(&r))
			single <- err
		}()
		<-hangs.began
		<-hangs.began
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if err := c.ended(); status.Code(err) != codes.Unavailable {
			t.Errorf("%v", err)
		}
		if err := <-single; status.Code(err) != codes.Unavailable {
			t.Errorf("%v", err)
		}
		hangs.gate <- nil
		hangs.gate <- nil
	})
}

// The deadline of a call is the request's.
func TestCallDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hangs := newGatedKey(rsaKey)
		s := newServer(t, Config{Keys: map[string]crypto.Signer{"rsa": hangs}, Allow: []byte(allowApp)})
		client := plain(t, s, time.Now().Add(time.Hour))
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		r := digestRequest()
		if _, err := client.Sign(ctx, pbwire.ToRequest(&r)); status.Code(err) != codes.DeadlineExceeded {
			t.Errorf("%v", err)
		}
		synctest.Wait()
		if st := s.Stats(); st.InFlight != 0 || st.Keys[0].Outcomes != (Outcomes{Expired: 1}) {
			t.Errorf("%+v", st)
		}
		hangs.gate <- nil
		closeAll(s)
	})
}
