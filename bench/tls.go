package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"regexp"
	"time"
)

// tlsPlan is how much is measured.
type tlsPlan struct {
	rounds  int
	time    time.Duration // of one side
	warm    time.Duration // before the clock starts
	only    *regexp.Regexp
	clients int // that handshake at a time, where handshakes are measured
	storm   int // and where echoes are
	conns   int // established ones, for echoes
	idle    int // idle ones
	json    bool
	quick   bool
}

// tlsCommand measures TLS servers.
func tlsCommand(ctx context.Context, args []string, std stdio) error {
	p, err := parseTLS(args)
	if err != nil {
		return err
	}
	f, err := p.measure(ctx, newProgress(std.err))
	if err != nil {
		return err
	}
	if p.json {
		return f.writeJSON(std.out)
	}
	return f.writeText(std.out)
}

// parseTLS reads the flags.
func parseTLS(args []string) (tlsPlan, error) {
	p := tlsPlan{rounds: 7, warm: 500 * time.Millisecond, clients: 64, storm: 300, conns: 50, idle: 10000}
	fs := flag.NewFlagSet("tls", flag.ContinueOnError)
	fs.IntVar(&p.rounds, "rounds", p.rounds, "")
	seconds := fs.Float64("seconds", 3, "")
	only := fs.String("only", "", "")
	fs.BoolVar(&p.json, "json", false, "")
	quick := fs.Bool("quick", false, "")
	if err := parseFlags(fs, args); err != nil {
		return p, err
	}
	given := map[string]bool{}
	fs.Visit(func(f *flag.Flag) { given[f.Name] = true })
	if p.quick = *quick; p.quick {
		p.warm, p.idle = 200*time.Millisecond, 1000
		if !given["rounds"] {
			p.rounds = 2
		}
		if !given["seconds"] {
			*seconds = 0.5
		}
	}
	p.time = time.Duration(*seconds * float64(time.Second))
	var err error
	switch p.only, err = regexp.Compile(*only); {
	case err != nil:
		return p, usageError(fmt.Sprintf("tls: -only %s: %v", *only, err))
	case p.rounds < 1:
		return p, usageError(fmt.Sprintf("tls: -rounds %d: at least one round is needed", p.rounds))
	case *seconds < 0.01 || *seconds > 600:
		return p, usageError(fmt.Sprintf("tls: -seconds %g: from 0.01 to 600 can be", *seconds))
	}
	for _, s := range tlsSections {
		if p.only.MatchString(s.name) {
			return p, nil
		}
	}
	return p, usageError(fmt.Sprintf("tls: -only %s: it matches no section; there are %s", *only, tlsSectionNames()))
}

// tlsRun is a measurement under way.
type tlsRun struct {
	tlsPlan
	ctx                  context.Context
	progress             progress
	keys                 tlsKeys
	program              string // a copy of this one, anew in every round
	serverCPU, clientCPU int
	f                    *tlsFindings
}

// measure measures every side once in each round, in turns; every second round goes backwards.
func (p tlsPlan) measure(ctx context.Context, progress progress) (*tlsFindings, error) {
	defer progress.clear()
	r := &tlsRun{tlsPlan: p, ctx: ctx, progress: progress, f: newTLSFindings(p)}
	var err error
	if r.keys, err = newTLSKeys(); err != nil {
		return nil, err
	}
	r.serverCPU, r.clientCPU, err = choosePins()
	r.f.pinnedTo(r.serverCPU, r.clientCPU, err)
	if err := r.findNginx(); err != nil {
		return nil, err
	}
	for round := range p.rounds {
		if err := r.round(round); err != nil {
			return nil, err
		}
	}
	if p.only.MatchString(sectionWake) {
		if r.f.Wake, err = measureReactor(ctx, reactorPlan{rounds: p.rounds, time: min(p.time, 200*time.Millisecond)}, progress); err != nil {
			return nil, err
		}
	}
	r.f.conclude()
	return r.f, nil
}

// round measures everything once, with processes of a new copy of this program: see signRun.fresh.
func (r *tlsRun) round(round int) error {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if r.program, err = copyOfThis(dir); err != nil {
		return err
	}
	for i := range r.f.Sides {
		if round%2 == 1 {
			i = len(r.f.Sides) - 1 - i
		}
		s := r.f.Sides[i]
		if s.Skipped != "" {
			continue
		}
		if err := r.ctx.Err(); err != nil {
			return err
		}
		r.progress.show("round %d of %d: %s: %s", round+1, r.rounds, s.Section, s.Name)
		figures, err := r.quietly(s)
		if r.ctx.Err() != nil {
			return r.ctx.Err()
		} else if err != nil {
			return fmt.Errorf("%s: %s: %w", s.Section, s.Name, err)
		}
		s.note(figures)
	}
	return nil
}

// A measurement in which a process waited for its core for more than this share of the time is made again, so often.
const (
	waitedShare = 0.1
	tlsTries    = 3
)

func (r *tlsRun) quietly(s *tlsSide) (best figures, err error) {
	for range tlsTries {
		f, err := s.measure(r)
		if err != nil {
			return nil, err
		}
		if best == nil || f[figureWaited] < best[figureWaited] {
			best = f
		}
		if best[figureWaited] <= waitedShare || r.quick {
			return best, nil
		}
	}
	s.Disturbed++
	return best, nil
}
