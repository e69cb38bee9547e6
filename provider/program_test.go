//go:build linux

package provider

import "testing"

// program is a server program, and the checks that it is put to.
type program struct {
	start   func(s *site)
	resumes bool
	mutual  bool
	updates bool // of keys
	early   bool
	jobs    bool          // handshakes are jobs
	reload  func(s *site) // returns when the new configuration is served
	times   int           // of reloads, in CI
	keys    []string      // more of testKeys
}

// each checks the program: with a private key, then with a handle of it, and, shorter, with keys of other
// kinds.
func (p program) each(t *testing.T) {
	t.Parallel()
	p.subtests(t)
}

func (p program) subtests(t *testing.T) {
	t.Run("plain", func(t *testing.T) {
		s := newSite(t, "rsa2048", true)
		p.start(s)
		s.handshakes(20)
		s.forgets()
	})
	t.Run("rsa2048", func(t *testing.T) {
		s := newSite(t, "rsa2048", false)
		p.start(s)
		s.handshakes(repetitions(50, 300))
		if p.resumes {
			s.resumes()
		}
		if p.mutual {
			s.wantsCertificates()
		}
		if p.updates {
			s.updatesKeys()
		}
		if p.early {
			s.takesEarlyData()
		}
		s.survives(p.jobs)
		if p.reload != nil {
			s.reloads(repetitions(5, p.times), func() { p.reload(s) })
		}
		s.forgets()
	})
	for _, key := range append(p.keys, "p256") {
		t.Run(key, func(t *testing.T) {
			if key != "p256" {
				wholeOnly(t)
			}
			s := newSite(t, key, false)
			p.start(s)
			s.handshakes(repetitions(20, 100))
			s.forgets()
		})
	}
}
