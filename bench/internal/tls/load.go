package tls

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"time"

	"asynccrypto/bench/internal/harness"
	"asynccrypto/bench/internal/programs"
	"asynccrypto/bench/internal/tlsclient"
)

// served is a server that runs.
type served struct {
	addr  string
	child *harness.Child // nil for nginx
	nginx *programs.Server
}

func (s *session) serve(side *side) (*served, error) {
	if side.nginx {
		n, err := programs.Nginx{Key: s.key(side), Workers: 1}.Start(s.serverCPU)
		if err != nil {
			return nil, err
		}
		return &served{addr: n.Addr, nginx: n}, nil
	}
	child, err := harness.StartChild(s.program, roleServer, s.serverCPU, side.procs, false)
	if err != nil {
		return nil, err
	}
	spec := side.spec
	spec.Key = s.key(side)
	var a serverAccount
	if err := child.Do(serverOrder{Do: "serve", Spec: &spec}, &a); err != nil {
		child.Close()
		return nil, err
	}
	return &served{addr: a.Addr, child: child}, nil
}

func (s *served) close() {
	if s.nginx != nil {
		s.nginx.Close()
		return
	}
	s.child.Close()
}

// account returns the server's account; of nginx no more than the CPU time is known.
func (s *served) account() (a serverAccount, err error) {
	if s.nginx != nil {
		a.CPU, a.Waited, err = s.nginx.CPU()
		return a, err
	}
	err = s.child.Do(serverOrder{Do: "account"}, &a)
	return a, err
}

// startClients starts clients for a server. First is for those that are to run before all
// others on their CPU.
func (s *session) startClients(side *side, server *served, do string, l tlsclient.Load, first bool) (*harness.Child, error) {
	l.Addr, l.Cert, l.X25519 = server.addr, s.key(side).Cert, side.section != sectionDefault
	return tlsclient.Start(s.program, s.clientCPU, first, do, l)
}

// span is the work of a server and its clients between two moments.
type span struct {
	serverCPU, clientCPU int64
	done                 float64
	time                 time.Duration
	clients              tlsclient.Account // the second
	server               serverAccount     // likewise
	waited               float64
}

// moment is everybody's account at one time.
type moment struct {
	server  serverAccount
	clients tlsclient.Account
	others  []tlsclient.Account
}

// after takes the accounts when so much time has passed.
func after(ctx context.Context, d time.Duration, server *served, clients *harness.Child, others []*harness.Child) (m moment, err error) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
		return m, ctx.Err()
	}
	if m.server, err = server.account(); err != nil {
		return m, err
	}
	if err = clients.Do(tlsclient.Order{Do: "account"}, &m.clients); err != nil {
		return m, err
	}
	m.others = make([]tlsclient.Account, len(others))
	for i, c := range others {
		if err = c.Do(tlsclient.Order{Do: "account"}, &m.others[i]); err != nil {
			return m, err
		}
	}
	return m, nil
}

// between lets the load warm up, and measures it. It also returns how many handshakes a second
// others make, if any.
func (s *session) between(ctx context.Context, server *served, procs int, clients *harness.Child, others ...*harness.Child) (sp span, storm float64, err error) {
	begin, err := after(ctx, s.warm, server, clients, others)
	if err != nil {
		return sp, 0, err
	}
	end, err := harness.Slices(
		func() (moment, error) { return after(ctx, s.Slice, server, clients, others) },
		func(m moment) bool { return m.clients.Done > begin.clients.Done })
	if err != nil {
		return sp, 0, err
	}
	sp = span{
		serverCPU: end.server.CPU - begin.server.CPU, clientCPU: end.clients.CPU - begin.clients.CPU,
		done: float64(end.clients.Done - begin.clients.Done), time: end.clients.Time - begin.clients.Time, clients: end.clients, server: end.server,
	}
	if sp.done == 0 {
		return sp, 0, errors.New("nothing was done while the clock ran")
	}
	for i, o := range end.others {
		storm += float64(o.Done-begin.others[i].Done) / (o.Time - begin.others[i].Time).Seconds()
	}
	sp.waited = float64(end.clients.Waited-begin.clients.Waited) / float64(sp.time)
	if s.serverCPU != s.clientCPU && procs == 1 { // else its own threads wait for each other
		sp.waited = max(sp.waited, float64(end.server.Waited-begin.server.Waited)/float64(sp.time))
	}
	return sp, storm, nil
}

func (sp span) figures() figures {
	return figures{
		figureCPU:       float64(sp.serverCPU) / 1e3 / sp.done,
		figureClientCPU: float64(sp.clientCPU) / 1e3 / sp.done,
		figureRate:      sp.done / sp.time.Seconds(),
		figureBusy:      float64(sp.serverCPU) / float64(sp.time),
		figureWaited:    sp.waited,
		figureP50:       milliseconds(sp.clients.P50),
		figureP99:       milliseconds(sp.clients.P99),
		figureMax:       milliseconds(sp.clients.Max),
	}
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// finish stops clients, and compares their account with the server's.
func (s *side) finish(server *served, clients ...*harness.Child) error {
	var all uint64
	for _, c := range clients {
		var a tlsclient.Account
		if err := c.Do(tlsclient.Order{Do: "stop"}, &a); err != nil {
			return err
		}
		all += a.Handshakes
		s.negotiated = a.Negotiated
	}
	s.handshakes += all
	if server.nginx != nil {
		return server.nginx.Complained()
	}
	var a serverAccount
	for range 100 { // it may not have read the last client's last message yet
		var err error
		if a, err = server.account(); err != nil {
			return err
		}
		if a.Handshakes == all {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	s.lanes += a.Lanes
	switch {
	case a.Handshakes != all || a.Failed > 0 || a.Resumed > 0:
		return fmt.Errorf("the clients count %d handshakes, the server %d, %d failed and %d resumed", all, a.Handshakes, a.Failed, a.Resumed)
	case s.spec.Engine && a.Signed < all && !strings.Contains(s.section, "p256") && runtime.GOARCH == "amd64" && a.Batches > 0:
		return fmt.Errorf("%d handshakes, and the engine signed %d times", all, a.Signed)
	}
	return nil
}

// under measures the side under one load, and checks that the work was real.
func (s *side) under(ctx context.Context, session *session, do string, load tlsclient.Load) (sp span, err error) {
	server, err := session.serve(s)
	if err != nil {
		return sp, err
	}
	defer server.close()
	clients, err := session.startClients(s, server, do, load, false)
	if err != nil {
		return sp, err
	}
	defer clients.Close()
	if sp, _, err = session.between(ctx, server, s.procs, clients); err != nil {
		return sp, err
	}
	return sp, s.finish(server, clients)
}

// measureHandshakes measures one after the other, by a number of clients.
func (s *side) measureHandshakes(ctx context.Context, session *session) (figures, error) {
	sp, err := s.under(ctx, session, "handshake", tlsclient.Load{Clients: session.clients})
	if err != nil {
		return nil, err
	}
	f := sp.figures()
	if s.spec.Engine && sp.server.Batches > 0 {
		f[figureBatch] = sp.server.Batches
	}
	return f, nil
}

// measureLatency measures echoes on established connections, a thousand in a second at most,
// while others handshake.
func (s *side) measureLatency(ctx context.Context, session *session) (figures, error) {
	server, err := session.serve(s)
	if err != nil {
		return nil, err
	}
	defer server.close()
	pause := time.Duration(session.conns) * time.Millisecond
	echoes, err := session.startClients(s, server, "echo", tlsclient.Load{Clients: session.conns, Pause: pause}, true)
	if err != nil {
		return nil, err
	}
	defer echoes.Close()
	s.report.Remark = "echoes " + echoes.Priority
	all := []*harness.Child{echoes}
	if !s.quiet {
		storm, err := session.startClients(s, server, "handshake", tlsclient.Load{Clients: session.storm}, false)
		if err != nil {
			return nil, err
		}
		defer storm.Close()
		all = append(all, storm)
	}
	sp, storm, err := session.between(ctx, server, s.procs, echoes, all[1:]...)
	if err != nil {
		return nil, err
	}
	f := sp.figures()
	for _, perEcho := range []string{figureCPU, figureClientCPU} { // the handshakes' is in it
		delete(f, perEcho)
	}
	f[figureLate] = milliseconds(sp.clients.Late)
	if !s.quiet {
		f[figureStorm] = storm
	}
	return f, s.finish(server, all...)
}

// measureMemory measures how much memory idle connections take.
func (s *side) measureMemory(ctx context.Context, session *session) (figures, error) {
	server, err := session.serve(s)
	if err != nil {
		return nil, err
	}
	defer server.close()
	load := tlsclient.Load{HTTP: s.spec.Kind == kindHTTP, Clients: 64}
	before, err := session.startClients(s, server, "connect", load, false) // whatever is made once is made now
	if err != nil {
		return nil, err
	}
	before.Close()
	var none, many serverAccount
	if err := server.child.Do(serverOrder{Do: "memory"}, &none); err != nil {
		return nil, err
	}
	load.Clients = session.idle
	clients, err := session.startClients(s, server, "connect", load, false)
	if err != nil {
		return nil, err
	}
	defer clients.Close()
	if err := server.child.Do(serverOrder{Do: "memory"}, &many); err != nil {
		return nil, err
	}
	if many.Handshakes != uint64(64+session.idle) {
		return nil, fmt.Errorf("%d connections, and the server has seen %d", 64+session.idle, many.Handshakes)
	}
	s.handshakes += many.Handshakes
	return figures{figureRSS: float64(many.RSS-none.RSS) / 1024 / float64(session.idle)}, ctx.Err()
}

// measureEchoes measures small echoes, one after the other on each connection.
func (s *side) measureEchoes(ctx context.Context, session *session) (figures, error) {
	sp, err := s.under(ctx, session, "echo", tlsclient.Load{Clients: session.conns, Pause: s.pause})
	if err != nil {
		return nil, err
	}
	f := sp.figures()
	for _, none := range []string{figureP50, figureP99, figureMax} {
		delete(f, none)
	}
	return f, nil
}
