package tls

import (
	"regexp"
	"slices"
	"time"

	"asynccrypto/bench/internal/harness"
	"asynccrypto/bench/internal/programs"
)

// options are the subject's flags, and how much is measured.
type options struct {
	pattern string
	only    *regexp.Regexp
	load
}

// load is how many clients there are.
type load struct {
	warm    time.Duration // before the clock starts
	clients int           // that handshake at a time, where handshakes are measured
	storm   int           // and where echoes are
	conns   int           // established ones, for echoes
	idle    int           // idle ones
}

var (
	fullLoad  = load{warm: 500 * time.Millisecond, clients: 64, storm: 300, conns: 50, idle: 10000}
	quickLoad = load{warm: 200 * time.Millisecond, clients: 64, storm: 300, conns: 50, idle: 1000}
)

// session is a measurement under way.
type session struct {
	*harness.Run
	options
	keys                 keys
	serverCPU, clientCPU int
	sides                []*side
	program              string // this round's copy of this program
}

// key returns the key of a side's server. Where the key makes no difference it is the one that
// is quick.
func (s *session) key(side *side) programs.Key {
	if slices.Contains([]string{sectionRSA, sectionDefault, sectionLatency}, side.section) {
		return s.keys.rsa2048
	}
	return s.keys.p256
}

// side returns a side that is measured, or nil.
func (s *session) side(section, key string) *side {
	for _, side := range s.sides {
		if side.section == section && side.key == key {
			return side
		}
	}
	return nil
}
