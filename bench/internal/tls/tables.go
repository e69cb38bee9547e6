package tls

import (
	"context"
	"fmt"
	"time"

	"asynccrypto/bench/internal/harness"
	"asynccrypto/bench/internal/tlsclient"
	"asynccrypto/engine/multibuffer"
)

// note says how a section is measured.
func (s *session) note(section string) string {
	switch section {
	case sectionRSA, sectionDefault, sectionP256:
		return fmt.Sprintf("%d clients at a time, GOMAXPROCS=1 on both sides; CPU time for each handshake. Busy: the server's share of its core; "+
			"waited: the share of the time that the server or the clients waited for other programs", s.clients)
	case sectionLatency:
		return fmt.Sprintf("%d connections, each asked %d ms after its last echo; %d other clients, in a process on the same core, handshake. "+
			"The process of the echoes runs before that one, in real time if it may; its own delay is how late its timers are, of which there is the p99. "+
			"An echo's clock starts when it is sent. GOMAXPROCS=2 on the server's core, except for the first server; the engine has one worker at nice 10. "+
			"Semaphore: one signature at a time; %d handshakes: as many under way at a time", s.conns, s.conns, s.storm, handshakeBound)
	case sectionMemory:
		return fmt.Sprintf("resident memory for each of %d connections that have exchanged something, after a garbage collection", s.idle)
	case sectionEcho:
		return fmt.Sprintf("%d bytes each on %d connections; CPU time for each echo. At once: the next is sent when the last has come back, "+
			"so that server and clients meet at the same memory; 2 ms apart: 2 ms later", tlsclient.EchoSize, s.conns)
	}
	return ""
}

const (
	nameGoroutine = "goroutine each, std keys"
	nameHTTP      = "net/http, std keys"
	nameHTTPOurs  = "net/http, multibuffer"
	nameLoop      = "event loop, multibuffer"
	nameNginx     = "nginx"
)

// handshakeBound is how many handshakes a server of goroutines has under way. With keys this
// fast the storm is no longer in the signatures, but in the goroutines that all others have to
// queue behind: an echo waits for 150 us of each. This many fill the batches.
const handshakeBound = 32

// tables adds a table for each section, with a row for each server.
func (s *session) tables() {
	if ok, reason := multibuffer.Supported(); !ok {
		s.Result.Notes = append(s.Result.Notes, "no gain here: "+reason+"; the engine leaves everything to the standard library")
	}
	s.Result.Notes = append(s.Result.Notes,
		"each server is measured in new processes; every handshake was full and TLS 1.3, and of Go's servers counted on both sides; every echo was compared")
	all := allSides()
	for _, section := range sections {
		if !s.only.MatchString(section.name) {
			continue
		}
		table := s.Result.Table(section.title, s.note(section.name))
		for _, side := range all {
			if side.section != section.name {
				continue
			}
			table.Rows = append(table.Rows, side.report)
			for _, name := range columns[section.name] {
				side.values[name] = side.report.Value(name, units[name])
			}
			s.sides = append(s.sides, side)
		}
	}
}

// allSides lists everything there is to measure.
func allSides() (sides []*side) {
	add := func(section, key, name string, s side, measure func(*side, context.Context, *session) (figures, error)) {
		s.section, s.key, s.report = section, key, &harness.Row{Name: name}
		s.values, s.mirrors = map[string]*harness.Value{}, map[string][]*harness.Value{}
		s.procs = max(s.procs, 1)
		p := &s
		s.measure = func(ctx context.Context, session *session) (figures, error) { return measure(p, ctx, session) }
		sides = append(sides, p)
	}
	std, ours := spec{Kind: kindGoroutine}, spec{Kind: kindLoop, Engine: true}
	stdHTTP, oursHTTP := spec{Kind: kindHTTP}, spec{Kind: kindHTTP, Engine: true}
	for _, section := range []string{sectionRSA, sectionDefault} {
		add(section, "std", nameGoroutine, side{spec: std}, (*side).measureHandshakes)
		add(section, "http", nameHTTP, side{spec: stdHTTP}, (*side).measureHandshakes)
		add(section, "ours-http", nameHTTPOurs, side{spec: oursHTTP}, (*side).measureHandshakes)
		add(section, "ours", nameLoop, side{spec: ours}, (*side).measureHandshakes)
		add(section, "nginx", nameNginx, side{nginx: true}, (*side).measureHandshakes)
	}
	add(sectionP256, "std", nameGoroutine, side{spec: std}, (*side).measureHandshakes)
	add(sectionP256, "ours", nameLoop, side{spec: ours}, (*side).measureHandshakes)

	add(sectionLatency, "std", "goroutine each, no option set", side{spec: std}, (*side).measureLatency)
	add(sectionLatency, "semaphore", "goroutine each, semaphore", side{spec: spec{Kind: kindGoroutine, Semaphore: 1}, procs: 2}, (*side).measureLatency)
	nice := func(kind string) side {
		return side{spec: spec{Kind: kind, Engine: true, Nice: 10, Workers: 1}, procs: 2}
	}
	add(sectionLatency, "unbound", "goroutine each, multibuffer", nice(kindGoroutine), (*side).measureLatency)
	bounded := nice(kindGoroutine)
	bounded.spec.Bound = handshakeBound
	add(sectionLatency, "ours-goroutine", fmt.Sprintf("the same, %d handshakes", handshakeBound), bounded, (*side).measureLatency)
	add(sectionLatency, "ours", nameLoop, nice(kindLoop), (*side).measureLatency)
	quiet := nice(kindLoop)
	quiet.quiet = true
	add(sectionLatency, "quiet", "event loop, no handshakes", quiet, (*side).measureLatency)

	add(sectionMemory, "std", "goroutine each, 512 B buffer", side{spec: std}, (*side).measureMemory)
	add(sectionMemory, "http", "net/http, keep-alive", side{spec: stdHTTP}, (*side).measureMemory)
	add(sectionMemory, "ours", "event loop", side{spec: ours}, (*side).measureMemory)

	for _, pace := range []struct {
		key, name string
		pause     time.Duration
	}{{"", "2 ms apart", 2 * time.Millisecond}, {"-at-once", "at once", 0}} {
		add(sectionEcho, "std"+pace.key, "goroutine each, "+pace.name, side{spec: std, pause: pace.pause}, (*side).measureEchoes)
		add(sectionEcho, "ours"+pace.key, "event loop, "+pace.name, side{spec: ours, pause: pace.pause}, (*side).measureEchoes)
	}
	return sides
}
