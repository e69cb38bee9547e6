// Package tls measures TLS servers: handshakes, latency, memory and echoes, beside crypto/tls,
// net/http and nginx.
//
// The servers of ours and of the standard library and all clients are processes of their own,
// on a CPU of their own. The first figure is the CPU time that the system has counted for a
// server, as the clients may be the limit of the rate.
package tls

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"asynccrypto/bench/internal/harness"
	"asynccrypto/bench/internal/programs"
	"asynccrypto/bench/internal/tlsclient"
)

// Subject is this package's part of the benchmark.
func Subject() harness.Subject {
	var o options
	return harness.Subject{
		Name:  "tls",
		Short: "TLS servers: handshakes, latency, memory and echoes, beside crypto/tls, net/http and nginx",
		Long: `It takes a quarter of an hour, two cores that have nothing else to do, and nginx (Debian:
apt install nginx), which is left out where there is none. It measures latency from a process
that runs in real time, and so should be run by root.

  go run ./bench tls -quick -only 'rsa2048|p256'`,
		Rounds: 7, QuickRounds: 2, Slice: 3 * time.Second, QuickSlice: 500 * time.Millisecond,
		QuietShare: 0.9,
		Flags:      o.declare,
		Check:      o.check,
		Measure: func(ctx context.Context, run *harness.Run) error {
			o.load = fullLoad
			if run.Quick {
				o.load = quickLoad
			}
			return o.measure(ctx, run)
		},
		Roles: map[string]func(io.Reader, io.Writer) error{roleServer: beServer, tlsclient.Role: tlsclient.Main},
	}
}

func (o *options) declare(fs *flag.FlagSet) {
	fs.StringVar(&o.pattern, "only", "", "only the sections that match the regular expression `PATTERN`; there are\n"+sectionNames())
}

func (o *options) check() (part bool, err error) {
	var names []string
	for _, s := range sections {
		names = append(names, s.name)
	}
	o.only, part, err = harness.CheckOnly("tls", o.pattern, names, sectionNames())
	return part, err
}

// prepare makes the keys and the tables.
func (o options) prepare(ctx context.Context, run *harness.Run) (*session, error) {
	s := &session{Run: run, options: o}
	var err error
	if s.keys, err = newKeys(); err != nil {
		return nil, err
	}
	s.serverCPU, s.clientCPU = run.PinServers("servers", "clients")
	s.tables()
	if err := s.findNginx(ctx); err != nil {
		return nil, err
	}
	s.comparisons()
	return s, nil
}

// measure measures every side once in each round, one after the other; every second round goes
// backwards.
func (o options) measure(ctx context.Context, run *harness.Run) error {
	s, err := o.prepare(ctx, run)
	if err != nil {
		return err
	}
	return run.Each(ctx, func(round int) error { return s.round(ctx, round) })
}

// findNginx looks for nginx. Where it is missing it is not measured.
func (s *session) findNginx(ctx context.Context) error {
	if !slices.ContainsFunc(s.sides, func(side *side) bool { return side.nginx }) {
		return nil
	}
	version, err := programs.NginxVersion(ctx)
	switch {
	case harness.IsMissing(err):
		s.Result.Missing = append(s.Result.Missing, "nginx, "+err.Error())
		for _, side := range s.sides {
			if side.nginx {
				side.report.Skipped = "there is no nginx"
			}
		}
		return nil
	case err != nil:
		return err
	}
	s.Result.Beside = append(s.Result.Beside, version)
	return nil
}

// round measures everything once, with processes of a new copy of this program: see
// [harness.CopyOfThis].
func (s *session) round(ctx context.Context, round int) error {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if s.program, err = harness.CopyOfThis(dir); err != nil {
		return err
	}
	for i := range s.sides {
		if round%2 == 1 {
			i = len(s.sides) - 1 - i
		}
		side := s.sides[i]
		if side.report.Skipped != "" {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		s.Show(round, side.section+": "+side.report.Name)
		// The share is that of a process which waits for nothing but its clients: it lacks the
		// time it waited for its core.
		found, err := harness.Quietly(s.Run, func() (figures, float64, error) {
			found, err := side.measure(ctx, s)
			return found, max(0.01, 1-found[figureWaited]), err
		}, side.reports()...)
		if ctx.Err() != nil {
			return ctx.Err()
		} else if err != nil {
			return fmt.Errorf("%s: %s: %w", side.section, side.report.Name, err)
		}
		side.note(found)
	}
	return nil
}
