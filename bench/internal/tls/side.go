package tls

import (
	"context"
	"fmt"
	"strings"
	"time"

	"asynccrypto/bench/internal/harness"
)

// The sections of the measurement.
const (
	sectionRSA     = "rsa2048 x25519"
	sectionDefault = "rsa2048 default curves"
	sectionP256    = "p256 x25519"
	sectionLatency = "latency"
	sectionMemory  = "memory"
	sectionEcho    = "echo"
)

var sections = []struct{ name, title string }{
	{sectionRSA, "full TLS 1.3 handshakes, RSA-2048 certificate, clients that offer X25519 only"},
	{sectionDefault, "full TLS 1.3 handshakes, RSA-2048 certificate, clients that offer crypto/tls's own choice of curves"},
	{sectionP256, "full TLS 1.3 handshakes, P-256 certificate, clients that offer X25519 only"},
	{sectionLatency, "small echoes while other clients handshake without pause, RSA-2048, X25519"},
	{sectionMemory, "idle connections"},
	{sectionEcho, "small echoes"},
}

func sectionNames() string {
	var names []string
	for _, s := range sections {
		names = append(names, fmt.Sprintf("%q", s.name))
	}
	return strings.Join(names, ", ")
}

// figures are the results of one round of a side, by name.
type figures map[string]float64

// The figures' names: the heads of their columns.
const (
	figureCPU       = "server CPU" // for each handshake or echo
	figureClientCPU = "client CPU" // likewise
	figureRate      = "rate"       // handshakes or echoes
	figureBusy      = "busy"       // the share of the time that the server computed
	figureBatch     = "batch"      // of the engine
	figureP50       = "p50"        // of an echo; of a handshake where nothing else is measured
	figureP99       = "p99"        // likewise
	figureMax       = "max"        // likewise
	figureLate      = "timers p99" // how late the echoes' clients came back from pauses
	figureStorm     = "handshakes" // in the same time
	figureWaited    = "waited"     // the share of the time that the clients waited for their core, or the server, whichever is more
	figureRSS       = "RSS"        // for each connection
)

var units = map[string]harness.Unit{
	figureCPU: harness.Microseconds, figureClientCPU: harness.Microseconds, figureRate: harness.PerSecond, figureBusy: harness.Plain,
	figureBatch: harness.Plain, figureP50: harness.Milliseconds, figureP99: harness.Milliseconds, figureMax: harness.Milliseconds,
	figureLate: harness.Milliseconds, figureStorm: harness.PerSecond, figureWaited: harness.Plain, figureRSS: harness.Kilobytes,
}

// columns are the figures of each section's table.
var columns = map[string][]string{
	sectionRSA:     handshakeColumns,
	sectionDefault: handshakeColumns,
	sectionP256:    handshakeColumns,
	sectionLatency: {figureP50, figureP99, figureMax, figureLate, figureRate, figureStorm, figureBusy, figureWaited},
	sectionMemory:  {figureRSS},
	sectionEcho:    {figureCPU, figureClientCPU, figureRate, figureBusy, figureWaited},
}

var handshakeColumns = []string{figureCPU, figureClientCPU, figureRate, figureBusy, figureWaited, figureP50, figureP99, figureBatch}

// side is one server under one load.
type side struct {
	section string
	key     string // by which the comparisons find it
	spec    spec
	procs   int // GOMAXPROCS
	nginx   bool
	quiet   bool          // no handshakes during the echoes
	pause   time.Duration // between two echoes on a connection
	measure func(ctx context.Context, s *session) (figures, error)

	report     *harness.Row
	values     map[string]*harness.Value
	compared   []*harness.Row // the rows of comparisons that it is a part of
	mirrors    map[string][]*harness.Value
	negotiated string
	handshakes uint64 // all there were, counted on both sides where both can
	lanes      uint64 // signed eight at a time
}

// note notes the figures of a round, in the section's table and in the comparisons.
func (s *side) note(f figures) {
	for name, v := range f {
		if s.values[name] != nil {
			s.values[name].Note(v)
		}
		for _, mirror := range s.mirrors[name] {
			mirror.Note(v)
		}
	}
	if s.negotiated != "" && columns[s.section][0] == figureCPU && s.section != sectionEcho {
		s.report.Remark = s.negotiated
	}
}

// reports are all rows that a measurement of the side is a part of.
func (s *side) reports() []*harness.Row {
	return append([]*harness.Row{s.report}, s.compared...)
}
