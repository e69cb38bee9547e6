package provider

import (
	"context"
	"fmt"
	"slices"

	"asynccrypto/bench/internal/harness"
	"asynccrypto/bench/internal/programs"
	"asynccrypto/internal/measure"
)

// haproxyTable is HAProxy with a kind of OpenSSL.
type haproxyTable struct {
	section string
	library string                    // as "OpenSSL 3.0"
	is      func(release string) bool // the library's release
	goals   map[string]goals          // by keys
}

func atLeast(times float64) goals { return goals{times: harness.Goal{AtLeast: times}} }

var haproxyTables = []haproxyTable{
	{"haproxy-3.0", "OpenSSL 3.0", func(release string) bool { return release == "3.0" }, map[string]goals{
		"rsa2048": {harness.Goal{AtLeast: 1.5}, harness.Goal{AtMost: 30}}, "rsa3072": atLeast(3.5), "rsa4096": atLeast(5),
	}},
	{"haproxy-3.5", "OpenSSL 3.5 or later", func(release string) bool { return release >= "3.5" }, map[string]goals{
		"rsa2048": atLeast(1.3), "rsa3072": atLeast(1.9), "rsa4096": atLeast(2.3),
	}},
}

// nginxRow is nginx with a number of workers and a key.
type nginxRow struct {
	workers int
	key     string
	goals   goals
}

var nginxRows = []nginxRow{
	{1, "rsa2048", goals{}},
	{1, "rsa4096", goals{}},
	{16, "rsa2048", atLeast(1)},
	{16, "rsa4096", atLeast(4)},
}

func (n nginxRow) section() string { return fmt.Sprintf("nginx-%d %s", n.workers, n.key) }

func (n nginxRow) name() string {
	return fmt.Sprintf("%s, %s", n.key, measure.Count(n.workers, "worker"))
}

const sectionIdle = "idle"

func sectionNames() (names []string) {
	for _, t := range haproxyTables {
		for _, k := range keyNames {
			names = append(names, t.section+" "+k)
		}
	}
	for _, r := range nginxRows {
		names = append(names, r.section())
	}
	return append(names, sectionIdle)
}

// signedAlone are the keys whose signature is measured alone, too. Those of larger ones take so long
// that their difference to a handshake says nothing.
var signedAlone = []string{"rsa2048", "ecdsap256"}

const noteCPU = "CPU time of a handshake, of the program's processes and of the key server. "

// tables adds the tables, and the steps of a round that fill them.
func (s *session) tables(ctx context.Context) error {
	haproxys, err := s.haproxys(ctx)
	if err != nil {
		return err
	}
	openssl, err := harness.FindOpenSSL(ctx, s.openssl)
	if openssl, err = found(s, "openssl", openssl, err); err != nil {
		return err
	}
	for _, t := range haproxyTables {
		s.haproxyTable(t, haproxys, openssl)
	}
	if err := s.nginxTable(ctx); err != nil {
		return err
	}
	s.idleTable(haproxys)
	return nil
}

func (s *session) haproxyTable(t haproxyTable, haproxys []*programs.HAProxy, openssl *harness.OpenSSL) {
	keys := slices.DeleteFunc(slices.Clone(keyNames), func(k string) bool { return !s.only.MatchString(t.section + " " + k) })
	if len(keys) == 0 {
		return
	}
	i := slices.IndexFunc(haproxys, func(h *programs.HAProxy) bool { return t.is(h.Release()) })
	if i < 0 {
		s.Result.Table("HAProxy with "+t.library, "").Row("HAProxy").Skipped = "no HAProxy with " + t.library + "; name one with -haproxy"
		return
	}
	h := haproxys[i]
	table := s.Result.Table(h.Version+" with "+h.OpenSSL, noteCPU+fmt.Sprintf("One thread, %d clients at a time; with the provider ssl-mode-async. "+
		"The async way is what it costs HAProxy: its CPU time with the provider, less that of plain HAProxy without its signature, which is the one of "+
		"openssl speed at the same moment", s.clients))
	for _, name := range keys {
		alone := openssl
		if openssl != nil && openssl.Release() != h.Release() || !slices.Contains(signedAlone, name) {
			alone = nil
		}
		d := newDuel(table, name, t.section+" "+name, haproxyServer(h), s.keys[name], alone, t.goals[name])
		s.steps = append(s.steps, func(ctx context.Context, round int) error { return d.measure(ctx, s, round) })
	}
}

func (s *session) nginxTable(ctx context.Context) error {
	rows := slices.DeleteFunc(slices.Clone(nginxRows), func(r nginxRow) bool { return !s.only.MatchString(r.section()) })
	if len(rows) == 0 {
		return nil
	}
	version, err := programs.NginxVersion(ctx)
	nginx, err := found(s, "nginx", &version, err)
	if err != nil {
		return err
	}
	if nginx == nil {
		s.Result.Table("nginx", "").Row("nginx").Skipped = "there is no nginx"
		return nil
	}
	s.Result.Beside = append(s.Result.Beside, version)
	table := s.Result.Table(version, noteCPU+fmt.Sprintf("%d clients at a time, all workers on one CPU. A worker waits for its signature", s.clients))
	for _, r := range rows {
		d := newDuel(table, r.name(), r.section(), nginxServer(r.workers), s.keys[r.key], nil, r.goals)
		s.steps = append(s.steps, func(ctx context.Context, round int) error { return d.measure(ctx, s, round) })
	}
	return nil
}

func (s *session) idleTable(haproxys []*programs.HAProxy) {
	if !s.only.MatchString(sectionIdle) {
		return
	}
	if len(haproxys) == 0 {
		s.Result.Table("idle connections of HAProxy", "").Row("HAProxy").Skipped = "there is no HAProxy"
		return
	}
	h := haproxys[0]
	table := s.Result.Table("idle connections of "+h.Version, fmt.Sprintf("for each of %d connections that have had one answer: memory is the "+
		"proportional set (PSS) of HAProxy. A connection that was once asynchronous keeps its wait context", s.idle))
	i := newIdle(table, h)
	s.steps = append(s.steps, func(ctx context.Context, round int) error { return i.measure(ctx, s, round) })
}
