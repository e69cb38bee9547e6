package provider

import (
	"context"
	"fmt"
	"os"

	"asynccrypto/bench/internal/harness"
	"asynccrypto/bench/internal/proc"
	"asynccrypto/bench/internal/programs"
	"asynccrypto/bench/internal/tlsclient"
)

// idle measures what idle connections of HAProxy take, plain and with the provider.
type idle struct {
	haproxy     *programs.HAProxy
	memory, fds difference
}

// difference is a figure of both sides.
type difference struct{ plain, ours, beyond *harness.Value }

func newDifference(row *harness.Row, unit harness.Unit, goal harness.Goal) difference {
	d := difference{row.Value("plain", unit), row.Value("with the provider", unit), row.Value("beyond plain", unit)}
	d.beyond.Goal = goal
	return d
}

func (d difference) note(plain, ours float64) {
	d.plain.Note(plain)
	d.ours.Note(ours)
	d.beyond.Note(ours - plain)
}

func newIdle(t *harness.Table, h *programs.HAProxy) *idle {
	return &idle{
		haproxy: h,
		memory:  newDifference(t.Row("memory"), harness.Kilobytes, harness.Goal{AtMost: 1}),
		fds:     newDifference(t.Row("file descriptors"), harness.Plain, harness.Goal{AtMost: 1}),
	}
}

// holding is what a process holds for each connection.
type holding struct {
	memory float64 // kilobytes
	fds    float64
}

func (i *idle) measure(ctx context.Context, s *session, round int) error {
	var plain, ours holding
	side := func(name string, withProvider bool, into *holding) func() error {
		return func() (err error) {
			s.Show(round, "idle connections, "+name)
			*into, err = i.hold(ctx, s, withProvider)
			return err
		}
	}
	if err := harness.Alternate(round, side("plain", false, &plain), side("with the provider", true, &ours)); err != nil {
		return fmt.Errorf("idle connections: %w", err)
	}
	i.memory.note(plain.memory, ours.memory)
	i.fds.note(plain.fds, ours.fds)
	return nil
}

// hold has clients establish connections, and returns what each takes in HAProxy.
func (i *idle) hold(ctx context.Context, s *session, withProvider bool) (h holding, err error) {
	k := s.keys["ecdsap256"] // which makes no difference, and is quick
	serverKey := k.plain
	var env []string
	if withProvider {
		keys, err := s.startKeyServer(k, earlyThread)
		if err != nil {
			return h, err
		}
		defer keys.Close()
		serverKey, env = k.handle, keys.env
	}
	server, err := i.haproxy.Start(s.serverCPU, programs.HAProxyServer{Key: serverKey, Async: withProvider, MaxConn: s.idle + 1000, Env: env})
	if err != nil {
		return h, err
	}
	defer server.Close()
	load := tlsclient.Load{Addr: server.Addr, Cert: k.plain.Cert, X25519: true, HTTP: true, Clients: 64}
	connect := func() (*harness.Child, error) { return tlsclient.Start(s.program, s.clientCPU, false, "connect", load) }
	first, err := connect() // whatever is made once is made now
	if err != nil {
		return h, err
	}
	defer first.Close()
	none, err := taken(server)
	if err != nil {
		return h, err
	}
	load.Clients = s.idle
	clients, err := connect()
	if err != nil {
		return h, err
	}
	defer clients.Close()
	many, err := taken(server)
	if err != nil {
		return h, err
	}
	n := float64(s.idle)
	return holding{(many.memory - none.memory) / n, (many.fds - none.fds) / n}, ctx.Err()
}

// taken returns what a server of one process holds altogether.
func taken(server *programs.Server) (h holding, err error) {
	pids, err := server.Processes()
	if err != nil {
		return h, err
	}
	memory, err := proc.ProportionalSet(pids[0])
	if err != nil {
		return h, err
	}
	fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pids[0]))
	return holding{float64(memory) / 1024, float64(len(fds))}, err
}
