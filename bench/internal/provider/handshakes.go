package provider

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"asynccrypto/bench/internal/harness"
	"asynccrypto/bench/internal/proc"
	"asynccrypto/bench/internal/programs"
	"asynccrypto/bench/internal/tlsclient"
)

// server is a program and the settings of its provider.
type server struct {
	// start starts it with a key. In its environment it may have a configuration that loads the provider:
	// withProvider says so.
	start    func(cpu int, k programs.Key, withProvider bool, env []string) (*programs.Server, error)
	settings string
}

func haproxyServer(h *programs.HAProxy) server {
	return server{func(cpu int, k programs.Key, withProvider bool, env []string) (*programs.Server, error) {
		return h.Start(cpu, programs.HAProxyServer{Key: k, Async: withProvider, Env: env})
	}, earlyThread}
}

func nginxServer(workers int) server {
	return server{func(cpu int, k programs.Key, _ bool, env []string) (*programs.Server, error) {
		return programs.Nginx{Key: k, Workers: workers, Env: env}.Start(cpu)
	}, ""}
}

// duel is a program with a key of its own beside the same program with the provider.
type duel struct {
	section string
	server  server
	key     *key
	openssl *harness.OpenSSL // if not nil, it signs too

	report                                  *harness.Row
	plain, own, keyServer, together, batch  *harness.Value
	plainRate, rate, times, signing, beyond *harness.Value
}

// newDuel adds a row. The goal is of the CPU time of a handshake.
func newDuel(t *harness.Table, name, section string, server server, k *key, openssl *harness.OpenSSL, goals goals) *duel {
	row := t.Row(name)
	d := &duel{section: section, server: server, key: k, openssl: openssl, report: row}
	d.plain = row.Value("plain", harness.Microseconds)
	d.own = row.Value("with the provider", harness.Microseconds)
	d.keyServer = row.Value("key server", harness.Microseconds)
	d.together = row.Value("together", harness.Microseconds)
	d.times = row.TimesLess("times as cheap", d.together, d.plain, goals.times)
	d.batch = row.Value("batch", harness.Plain)
	d.plainRate = row.Value("plain rate", harness.PerSecond)
	d.rate = row.Value("rate", harness.PerSecond)
	if openssl != nil {
		d.signing = row.Value("a signature", harness.Microseconds)
		d.beyond = row.Value("the async way", harness.Microseconds)
		d.beyond.Goal = goals.beyond
	}
	return d
}

// goals are those of a row.
type goals struct{ times, beyond harness.Goal }

// measure measures both sides in a round, one after the other.
func (d *duel) measure(ctx context.Context, s *session, round int) error {
	var plain, ours figures
	side := func(name string, withProvider bool, into *figures) func() error {
		return func() (err error) {
			s.Show(round, fmt.Sprintf("%s, %s", d.section, name))
			*into, err = harness.Quietly(s.Run, func() (figures, float64, error) { return s.load(ctx, d.server, d.key, withProvider) }, d.report)
			if err != nil && ctx.Err() == nil {
				err = fmt.Errorf("%s, %s: %w", d.section, name, err)
			}
			return err
		}
	}
	if err := harness.Alternate(round, side("plain", false, &plain), side("with the provider", true, &ours)); err != nil {
		return err
	}
	d.plain.Note(plain.server)
	d.own.Note(ours.server)
	d.keyServer.Note(ours.keyServer)
	d.together.Note(ours.server + ours.keyServer)
	d.plainRate.Note(plain.rate)
	d.rate.Note(ours.rate)
	if ours.batch > 0 {
		d.batch.Note(ours.batch)
	}
	if d.openssl == nil {
		return nil
	}
	s.Show(round, d.section+", a signature by openssl")
	speed, err := d.openssl.Speed(ctx, s.serverCPU, d.key.name, nil, nil)
	if err != nil {
		return err
	}
	signature := float64(speed.Time) / 1e3 / float64(speed.Done) * speed.Share
	d.signing.Note(signature)
	d.beyond.Note(ours.server - (plain.server - signature))
	return nil
}

// figures are those of a program under load. CPU times are in microseconds for each handshake.
type figures struct {
	server, keyServer float64
	rate, batch       float64
}

// moment is everybody's account at one time.
type moment struct {
	cpu     int64 // of the server
	keys    keyServerAccount
	clients tlsclient.Account
	busy    map[int]int64 // of the cores of servers and clients
}

// under is a program under load.
type under struct {
	*session
	server  *programs.Server
	keys    *keyServing // nil without the provider
	clients *harness.Child
}

// after takes the accounts when so much time has passed.
func (u *under) after(ctx context.Context, d time.Duration) (m moment, err error) {
	if err := wait(ctx, d); err != nil {
		return m, err
	}
	if m.cpu, _, err = u.server.CPU(); err != nil {
		return m, err
	}
	if m.keys, err = u.keys.account(); err != nil {
		return m, err
	}
	if err = u.clients.Do(tlsclient.Order{Do: "account"}, &m.clients); err != nil {
		return m, err
	}
	m.busy, err = busy(u.serverCPU, u.clientCPU)
	return m, err
}

// busy returns how long CPUs have computed since the system started: all together for [harness.NoPin].
func busy(cpus ...int) (map[int]int64, error) {
	times := map[int]int64{}
	for _, cpu := range cpus {
		var err error
		if cpu == harness.NoPin {
			times[cpu], _, err = proc.Busy()
		} else {
			times[cpu], _, err = proc.BusyCPU(cpu)
		}
		if err != nil {
			return nil, err
		}
	}
	return times, nil
}

// share returns the part of the core of servers, or of clients if that is less, that other programs
// left from one moment to another. That threads wait does not show it: a client's own ones wait for
// each other.
func (u *under) share(begin, end moment) float64 {
	ours := map[int]int64{u.serverCPU: end.cpu - begin.cpu + end.keys.CPU - begin.keys.CPU}
	ours[u.clientCPU] += end.clients.CPU - begin.clients.CPU
	share := 1.0
	for cpu, busy := range end.busy {
		if busy -= begin.busy[cpu]; busy > 0 {
			share = min(share, float64(ours[cpu])/float64(busy))
		}
	}
	return max(share, 0.01)
}

// load measures a program under the load of clients that handshake without end. It also returns the
// share of the server's core, or of the clients' if that is less, that other programs left.
func (s *session) load(ctx context.Context, program server, k *key, withProvider bool) (f figures, share float64, err error) {
	u := &under{session: s}
	serverKey := k.plain
	var env []string
	if withProvider {
		if u.keys, err = s.startKeyServer(k, program.settings); err != nil {
			return f, 0, err
		}
		defer u.keys.Close()
		serverKey, env = k.handle, u.keys.env
	}
	if u.server, err = program.start(s.serverCPU, serverKey, withProvider, env); err != nil {
		return f, 0, err
	}
	defer u.server.Close()
	load := tlsclient.Load{Addr: u.server.Addr, Cert: k.plain.Cert, Clients: s.clients, X25519: true}
	if u.clients, err = tlsclient.Start(s.program, s.clientCPU, false, "handshake", load); err != nil {
		return f, 0, err
	}
	defer u.clients.Close()
	begin, err := u.after(ctx, s.warm)
	if err != nil {
		return f, 0, err
	}
	end, err := harness.Slices(
		func() (moment, error) { return u.after(ctx, s.Slice) },
		func(m moment) bool { return m.clients.Done > begin.clients.Done })
	if err != nil {
		return f, 0, err
	}
	if f, err = between(begin, end); err != nil {
		return f, 0, err
	}
	return f, u.share(begin, end), u.finish()
}

// between returns what was done from one moment to another.
func between(begin, end moment) (f figures, err error) {
	done := float64(end.clients.Done - begin.clients.Done)
	if done == 0 {
		return f, errors.New("no handshake was made while the clock ran")
	}
	took := end.clients.Time - begin.clients.Time
	f.server = float64(end.cpu-begin.cpu) / 1e3 / done
	f.keyServer = float64(end.keys.CPU-begin.keys.CPU) / 1e3 / done
	f.rate = done / took.Seconds()
	if batches := end.keys.Batches - begin.keys.Batches; batches > 0 {
		f.batch = float64(end.keys.Batched-begin.keys.Batched) / float64(batches)
	}
	return f, nil
}

// finish stops the clients, and checks that no handshake failed, and that the key server made the
// signatures if there is one.
func (u *under) finish() error {
	var c tlsclient.Account
	if err := u.clients.Do(tlsclient.Order{Do: "stop"}, &c); err != nil {
		return err
	}
	k, err := u.keys.account()
	if err == nil && u.keys != nil && k.Signed < c.Handshakes {
		err = fmt.Errorf("%d handshakes, and the key server signed %d times", c.Handshakes, k.Signed)
	}
	return cmp.Or(err, u.server.Complained())
}

// wait waits, unless ctx ends.
func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
