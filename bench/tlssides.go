package main

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"
)

// The sections of the measurement.
const (
	sectionRSA     = "rsa2048 x25519"
	sectionDefault = "rsa2048 default curves"
	sectionP256    = "p256 x25519"
	sectionLatency = "latency"
	sectionMemory  = "memory"
	sectionEcho    = "echo"
	sectionWake    = "wake"
)

var tlsSections = []struct{ name, title string }{
	{sectionRSA, "full TLS 1.3 handshakes, RSA-2048 certificate, clients that offer X25519 only"},
	{sectionDefault, "full TLS 1.3 handshakes, RSA-2048 certificate, clients that offer crypto/tls's own choice of curves"},
	{sectionP256, "full TLS 1.3 handshakes, P-256 certificate, clients that offer X25519 only"},
	{sectionLatency, "small echoes while others handshake without pause, RSA-2048, X25519"},
	{sectionMemory, "idle connections"},
	{sectionEcho, "small echoes"},
	{sectionWake, "waking jobs"},
}

func tlsSectionNames() string {
	var names []string
	for _, s := range tlsSections {
		names = append(names, fmt.Sprintf("%q", s.name))
	}
	return strings.Join(names, ", ")
}

// figures are what one round of a side came to, by name.
type figures map[string]float64

// The figures' names, with their units.
const (
	figureCPU       = "server_cpu_us" // for each handshake or echo
	figureClientCPU = "client_cpu_us" // likewise
	figureRate      = "per_s"         // handshakes or echoes
	figureBusy      = "server_busy"   // the share of the time that the server computed
	figureBatch     = "mean_batch"    // of the engine
	figureP50       = "p50_ms"        // of an echo; of a handshake where nothing else is measured
	figureP99       = "p99_ms"        // likewise
	figureMax       = "max_ms"        // likewise
	figureLate      = "timers_p99_ms" // how late the echoes' clients came back from pauses
	figureStorm     = "handshakes_s"  // meanwhile
	figureWaited    = "waited"        // the share of the time that the clients waited for their core, or the server, whichever is more
	figureRSS       = "rss_kb"        // for each connection
)

// tlsSide is one server under one load.
type tlsSide struct {
	Section    string             `json:"section"`
	Name       string             `json:"name"`
	Procs      int                `json:"gomaxprocs,omitempty"`
	Nice       int                `json:"workers_nice,omitempty"`
	Figures    map[string]*series `json:"figures"`
	Negotiated string             `json:"negotiated,omitempty"`
	Handshakes uint64             `json:"handshakes"`      // all there were, counted on both sides where both can
	Lanes      uint64             `json:"lanes,omitempty"` // signed eight at a time
	Disturbed  int                `json:"disturbed"`       // rounds in which other programs had a part of the cores, whatever was tried
	Skipped    string             `json:"skipped,omitempty"`

	key     string // by which the targets find it
	spec    tlsSpec
	nginx   bool
	quiet   bool          // no handshakes meanwhile
	pause   time.Duration // between two echoes on a connection
	measure func(r *tlsRun) (figures, error)
	rounds  map[string][]float64
}

func (s *tlsSide) note(f figures) {
	for name, v := range f {
		s.rounds[name] = append(s.rounds[name], v)
	}
}

const (
	nameGoroutine = "goroutine each, std keys"
	nameHTTP      = "net/http, std keys"
	nameHTTPOurs  = "net/http, multibuffer"
	nameLoop      = "event loop, multibuffer"
	nameNginx     = "nginx"
)

// handshakeBound is how many handshakes a server of goroutines has under way. With keys this fast the storm is no longer in
// the signatures, but in the goroutines that all others have to queue behind: an echo waits for as many of their 150 us.
// These fill the batches.
const handshakeBound = 32

// tlsSides lists all there is to measure.
func tlsSides() (sides []*tlsSide) {
	add := func(section, key, name string, s tlsSide, measure func(*tlsSide, *tlsRun) (figures, error)) {
		s.Section, s.key, s.Name, s.rounds = section, key, name, map[string][]float64{}
		s.Procs = max(s.Procs, 1)
		p := &s
		s.measure = func(r *tlsRun) (figures, error) { return measure(p, r) }
		sides = append(sides, p)
	}
	std, ours := tlsSpec{Kind: kindGoroutine}, tlsSpec{Kind: kindLoop, Engine: true}
	stdHTTP, oursHTTP := tlsSpec{Kind: kindHTTP}, tlsSpec{Kind: kindHTTP, Engine: true}
	for _, section := range []string{sectionRSA, sectionDefault} {
		add(section, "std", nameGoroutine, tlsSide{spec: std}, (*tlsSide).handshakes)
		add(section, "http", nameHTTP, tlsSide{spec: stdHTTP}, (*tlsSide).handshakes)
		add(section, "ours-http", nameHTTPOurs, tlsSide{spec: oursHTTP}, (*tlsSide).handshakes)
		add(section, "ours", nameLoop, tlsSide{spec: ours}, (*tlsSide).handshakes)
		add(section, "nginx", nameNginx, tlsSide{nginx: true}, (*tlsSide).handshakes)
	}
	add(sectionP256, "std", nameGoroutine, tlsSide{spec: std}, (*tlsSide).handshakes)
	add(sectionP256, "ours", nameLoop, tlsSide{spec: ours}, (*tlsSide).handshakes)

	add(sectionLatency, "std", "goroutine each, as it comes", tlsSide{spec: std}, (*tlsSide).latency)
	add(sectionLatency, "semaphore", "goroutine each, semaphore", tlsSide{spec: tlsSpec{Kind: kindGoroutine, Semaphore: 1}, Procs: 2}, (*tlsSide).latency)
	nice := func(kind string) tlsSide {
		return tlsSide{spec: tlsSpec{Kind: kind, Engine: true, Nice: 10, Workers: 1}, Procs: 2, Nice: 10}
	}
	add(sectionLatency, "unbound", "goroutine each, multibuffer", nice(kindGoroutine), (*tlsSide).latency)
	bounded := nice(kindGoroutine)
	bounded.spec.Bound = handshakeBound
	add(sectionLatency, "ours-goroutine", fmt.Sprintf("the same, %d handshakes", handshakeBound), bounded, (*tlsSide).latency)
	add(sectionLatency, "ours", nameLoop, nice(kindLoop), (*tlsSide).latency)
	quiet := nice(kindLoop)
	quiet.quiet = true
	add(sectionLatency, "quiet", "event loop, no handshakes", quiet, (*tlsSide).latency)

	add(sectionMemory, "std", "goroutine each, 512 B buffer", tlsSide{spec: std}, (*tlsSide).memory)
	add(sectionMemory, "http", "net/http, keep-alive", tlsSide{spec: stdHTTP}, (*tlsSide).memory)
	add(sectionMemory, "ours", "event loop", tlsSide{spec: ours}, (*tlsSide).memory)

	for _, pace := range []struct {
		key, name string
		pause     time.Duration
	}{{"", "2 ms apart", 2 * time.Millisecond}, {"-at-once", "at once", 0}} {
		add(sectionEcho, "std"+pace.key, "goroutine each, "+pace.name, tlsSide{spec: std, pause: pace.pause}, (*tlsSide).echo)
		add(sectionEcho, "ours"+pace.key, "event loop, "+pace.name, tlsSide{spec: ours, pause: pace.pause}, (*tlsSide).echo)
	}
	return sides
}

// tlsTarget is what a side has to reach.
type tlsTarget struct {
	section, name string
	ours, base    string // keys; no base: the figure itself
	figure        string
	less          bool // the ratio is base / ours: how many times less
	atLeast       float64
	atMost        float64
}

var tlsTargets = []tlsTarget{
	{sectionRSA, "server CPU for a handshake: event loop", "ours", "std", figureCPU, true, 3.3, 0},
	{sectionRSA, "server CPU for a handshake: net/http", "ours-http", "std", figureCPU, true, 3.3, 0},
	{sectionRSA, "handshakes/s: event loop beside nginx", "ours", "nginx", figureRate, false, 1.2, 0},
	{sectionRSA, "server CPU for a handshake: event loop beside nginx", "ours", "nginx", figureCPU, true, 0, 0},
	{sectionDefault, "server CPU for a handshake: event loop", "ours", "std", figureCPU, true, 0, 0},
	{sectionDefault, "handshakes/s: event loop beside nginx", "ours", "nginx", figureRate, false, 1.2, 0},
	{sectionDefault, "server CPU for a handshake: event loop beside nginx", "ours", "nginx", figureCPU, true, 0, 0},
	{sectionP256, "server CPU for a handshake: event loop", "ours", "std", figureCPU, false, 0, 1},
	{sectionLatency, "p99 of an echo, ms: event loop", "ours", "", figureP99, false, 0, 5},
	{sectionLatency, "p99 of an echo, ms: goroutine each, bound", "ours-goroutine", "", figureP99, false, 0, 5},
	{sectionLatency, "p99: event loop beside semaphore", "ours", "semaphore", figureP99, false, 0, 0.5},
	{sectionLatency, "p99: goroutine each, bound, beside semaphore", "ours-goroutine", "semaphore", figureP99, false, 0, 0.5},
	{sectionLatency, "p99: event loop beside std as it comes", "ours", "std", figureP99, false, 0, 0},
	{sectionMemory, "RSS for an idle connection, KB: event loop", "ours", "", figureRSS, false, 0, 5},
	{sectionMemory, "RSS: event loop beside goroutine each", "ours", "std", figureRSS, false, 0, 0},
	{sectionMemory, "RSS: event loop beside net/http", "ours", "http", figureRSS, false, 0, 0},
	{sectionEcho, "server CPU for an echo, 2 ms apart: event loop", "ours", "std", figureCPU, false, 0, 0.9},
	{sectionEcho, "server CPU for an echo, at once: event loop", "ours-at-once", "std-at-once", figureCPU, false, 0, 0.9},
}

// served is a server that runs.
type served struct {
	addr  string
	child *tlsChild // nil for nginx
	nginx *nginx
}

func (r *tlsRun) serve(s *tlsSide) (*served, error) {
	if s.nginx {
		n, err := r.startNginx(r.key(s))
		if err != nil {
			return nil, err
		}
		return &served{addr: n.addr, nginx: n}, nil
	}
	child, err := startTLS(r.program, tlsServerArg, r.serverCPU, s.Procs, false)
	if err != nil {
		return nil, err
	}
	spec := s.spec
	spec.Key = r.key(s)
	var f tlsServed
	if err := child.do(tlsOrder{Do: "serve", Server: &spec}, &f); err != nil {
		child.close()
		return nil, err
	}
	return &served{addr: f.Addr, child: child}, nil
}

// key is the one that a side's server has. Where the key makes no difference it is the one that is quick.
func (r *tlsRun) key(s *tlsSide) tlsKey {
	if slices.Contains([]string{sectionRSA, sectionDefault, sectionLatency}, s.Section) {
		return r.keys.rsa2048
	}
	return r.keys.p256
}

func (s *served) close() {
	if s.nginx != nil {
		s.nginx.close()
		return
	}
	s.child.close()
}

// figures returns the server's account; of nginx no more than the CPU time is known.
func (s *served) figures() (f tlsServed, err error) {
	if s.nginx != nil {
		f.CPU, f.Waited, err = s.nginx.cpu()
		return f, err
	}
	err = s.child.do(tlsOrder{Do: "figures"}, &f)
	return f, err
}

// clients starts clients for a server.
func (r *tlsRun) clients(s *tlsSide, sv *served, what string, l tlsLoad, first bool) (*tlsChild, error) {
	l.Addr, l.Cert, l.X25519 = sv.addr, r.key(s).Cert, s.Section != sectionDefault
	child, err := startTLS(r.program, tlsClientArg, r.clientCPU, 1, first)
	if err != nil {
		return nil, err
	}
	if err := child.do(tlsOrder{Do: what, Load: &l}, nil); err != nil {
		child.close()
		return nil, err
	}
	return child, nil
}

// span is what a server and its clients did between two moments.
type span struct {
	server   int64 // CPU
	client   int64
	done     float64
	time     time.Duration
	accounts tlsDone // the second
	serves   tlsServed
	waited   float64
}

// between lets the load warm up, and measures it.
func (r *tlsRun) between(sv *served, procs int, clients *tlsChild, others ...*tlsChild) (sp span, other []tlsDone, err error) {
	var before, after tlsDone
	var sBefore, sAfter tlsServed
	other = make([]tlsDone, len(others))
	begun := make([]tlsDone, len(others))
	for i, wait := range []time.Duration{r.warm, r.time} {
		select {
		case <-time.After(wait):
		case <-r.ctx.Done():
			return sp, nil, r.ctx.Err()
		}
		s, c, o := &sBefore, &before, begun
		if i == 1 {
			s, c, o = &sAfter, &after, other
		}
		if *s, err = sv.figures(); err != nil {
			return sp, nil, err
		}
		if err = clients.do(tlsOrder{Do: "account"}, c); err != nil {
			return sp, nil, err
		}
		for j := range others {
			if err = others[j].do(tlsOrder{Do: "account"}, &o[j]); err != nil {
				return sp, nil, err
			}
		}
	}
	for i := range other {
		other[i].Done -= begun[i].Done
		other[i].Time -= begun[i].Time
	}
	sp = span{sAfter.CPU - sBefore.CPU, after.CPU - before.CPU, float64(after.Done - before.Done), after.Time - before.Time, after, sAfter, 0}
	sp.waited = float64(after.Waited-before.Waited) / float64(sp.time)
	if r.serverCPU != r.clientCPU && procs == 1 { // else its own threads wait for each other
		sp.waited = max(sp.waited, float64(sAfter.Waited-sBefore.Waited)/float64(sp.time))
	}
	if sp.done == 0 {
		return sp, nil, errors.New("nothing was done while the clock ran")
	}
	return sp, other, nil
}

func (sp span) figures() figures {
	return figures{
		figureCPU:       float64(sp.server) / 1e3 / sp.done,
		figureClientCPU: float64(sp.client) / 1e3 / sp.done,
		figureRate:      sp.done / sp.time.Seconds(),
		figureBusy:      float64(sp.server) / float64(sp.time),
		figureWaited:    sp.waited,
		figureP50:       milliseconds(sp.accounts.P50),
		figureP99:       milliseconds(sp.accounts.P99),
		figureMax:       milliseconds(sp.accounts.Max),
	}
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// finish stops clients, and compares their account with the server's.
func (s *tlsSide) finish(sv *served, clients ...*tlsChild) error {
	var all uint64
	for _, c := range clients {
		var d tlsDone
		if err := c.do(tlsOrder{Do: "stop"}, &d); err != nil {
			return err
		}
		all += d.Handshakes
		s.Negotiated = d.Negotiated
	}
	s.Handshakes += all
	if sv.nginx != nil {
		return sv.nginx.complained()
	}
	var f tlsServed
	for range 100 { // it may be at the last client's last message yet
		var err error
		if f, err = sv.figures(); err != nil {
			return err
		}
		if f.Handshakes == all {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	s.Lanes += f.Lanes
	switch {
	case f.Handshakes != all || f.Failed > 0 || f.Resumed > 0:
		return fmt.Errorf("the clients count %d handshakes, the server %d, %d failed and %d resumed", all, f.Handshakes, f.Failed, f.Resumed)
	case s.spec.Engine && f.Signed < all && !strings.Contains(s.Section, "p256") && runtime.GOARCH == "amd64" && f.Batches > 0:
		return fmt.Errorf("%d handshakes, and the engine signed %d times", all, f.Signed)
	}
	return nil
}

// under measures the side under one load, and checks that the work was real.
func (s *tlsSide) under(r *tlsRun, do string, load tlsLoad) (sp span, err error) {
	sv, err := r.serve(s)
	if err != nil {
		return sp, err
	}
	defer sv.close()
	clients, err := r.clients(s, sv, do, load, false)
	if err != nil {
		return sp, err
	}
	defer clients.close()
	if sp, _, err = r.between(sv, s.Procs, clients); err != nil {
		return sp, err
	}
	return sp, s.finish(sv, clients)
}

// handshakes measures one after the other, by so many clients.
func (s *tlsSide) handshakes(r *tlsRun) (figures, error) {
	sp, err := s.under(r, "handshake", tlsLoad{Clients: r.tlsPlan.clients})
	if err != nil {
		return nil, err
	}
	f := sp.figures()
	if s.spec.Engine && sp.serves.Batches > 0 {
		f[figureBatch] = sp.serves.Batches
	}
	return f, nil
}

// latency measures echoes on established connections, a thousand in a second at most, while others handshake.
func (s *tlsSide) latency(r *tlsRun) (figures, error) {
	sv, err := r.serve(s)
	if err != nil {
		return nil, err
	}
	defer sv.close()
	pause := time.Duration(r.conns) * time.Millisecond
	echoes, err := r.clients(s, sv, "echo", tlsLoad{Clients: r.conns, Pause: pause}, true)
	if err != nil {
		return nil, err
	}
	defer echoes.close()
	r.f.Priority = echoes.prior
	all := []*tlsChild{echoes}
	if !s.quiet {
		storm, err := r.clients(s, sv, "handshake", tlsLoad{Clients: r.storm}, false)
		if err != nil {
			return nil, err
		}
		defer storm.close()
		all = append(all, storm)
	}
	sp, other, err := r.between(sv, s.Procs, echoes, all[1:]...)
	if err != nil {
		return nil, err
	}
	f := sp.figures()
	for _, perEcho := range []string{figureCPU, figureClientCPU} { // the handshakes' is in it
		delete(f, perEcho)
	}
	f[figureLate] = milliseconds(sp.accounts.Late)
	for _, o := range other {
		f[figureStorm] = float64(o.Done) / o.Time.Seconds()
	}
	return f, s.finish(sv, all...)
}

// memory measures what idle connections take.
func (s *tlsSide) memory(r *tlsRun) (figures, error) {
	sv, err := r.serve(s)
	if err != nil {
		return nil, err
	}
	defer sv.close()
	load := tlsLoad{HTTP: s.spec.Kind == kindHTTP, Clients: 64}
	before, err := r.clients(s, sv, "connect", load, false) // what is made once is made now
	if err != nil {
		return nil, err
	}
	before.close()
	var none, many tlsServed
	if err := sv.child.do(tlsOrder{Do: "memory"}, &none); err != nil {
		return nil, err
	}
	load.Clients = r.idle
	clients, err := r.clients(s, sv, "connect", load, false)
	if err != nil {
		return nil, err
	}
	defer clients.close()
	if err := sv.child.do(tlsOrder{Do: "memory"}, &many); err != nil {
		return nil, err
	}
	if many.Handshakes != uint64(64+r.idle) {
		return nil, fmt.Errorf("%d connections, and the server has seen %d", 64+r.idle, many.Handshakes)
	}
	s.Handshakes += many.Handshakes
	return figures{figureRSS: float64(many.RSS-none.RSS) / 1024 / float64(r.idle)}, nil
}

// echo measures small echoes, one after the other on each connection.
func (s *tlsSide) echo(r *tlsRun) (figures, error) {
	sp, err := s.under(r, "echo", tlsLoad{Clients: r.conns, Pause: s.pause})
	if err != nil {
		return nil, err
	}
	f := sp.figures()
	for _, none := range []string{figureP50, figureP99, figureMax} {
		delete(f, none)
	}
	return f, nil
}
