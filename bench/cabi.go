package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// cabiMeasures are the targets set for the C library. Both sides are the same program, facility.c.
var cabiMeasures = []measure{
	{"pause and resume", "", "pause-resume", 0, 0.6, 0},
	{"start to finish", "", "start-finish", 0, 0.5, 0},
	{"new + free", "", "new-free", 0, 1.2, 0},
	{"get/set status and callback", "", "status-callback", 0, 1.1, 0},
	{"set + get + clear, 1 fd", "", "set-get-clear", 1, 2, 0},
	{speedMeasure + " rsa2048", "", "rsa2048", 0, 1 / 0.95, 0},
	{speedMeasure + " ecdsap256", "", "ecdsap256", 0, 1 / 0.95, 0},
}

// speedMeasure is how the rows begin for which openssl speed signs in jobs, with the engine of the library's tests.
const speedMeasure = "speed, 8 jobs,"

func (m measure) isSpeed() bool { return strings.HasPrefix(m.name, speedMeasure) }

// cabi measures libasync beside libcrypto's own facility.
func cabi(ctx context.Context, args []string, std stdio) error {
	fs := flag.NewFlagSet("cabi", flag.ContinueOnError)
	openssl := fs.String("openssl", "openssl", "")
	p, err := planOf(fs, cabiMeasures, args)
	if err != nil {
		return err
	}
	if runtime.GOOS != "linux" {
		return errors.New("cabi: libasync is preloaded into openssl here, as linux does it; run this on linux")
	}
	f, err := p.measureCABI(ctx, *openssl, newProgress(std.err))
	if err != nil {
		return err
	}
	if p.json {
		return f.writeJSON(std.out)
	}
	return f.writeText(std.out)
}

// cabiSides are the programs that are measured.
type cabiSides struct {
	theirs, ours             string // facility.c, linked
	openssl, engine, preload string
	cpu                      int
	time                     time.Duration
}

func (p plan) measureCABI(ctx context.Context, openssl string, progress progress) (*findings, error) {
	defer progress.clear()
	progress.show("compiling libasync and the programs")
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	found := newFindings(p)
	found.Note = "both sides are one C program; speed is openssl speed -async_jobs 8, in nanoseconds a signature"
	found.Machine.CPU = cpuModel()
	s, err := buildCABI(ctx, dir, openssl)
	if err != nil {
		return nil, fmt.Errorf("cabi: %w", err)
	}
	s.time = p.time
	if found.Machine.Libcrypto, err = libcryptoVersion(ctx, s.theirs); err != nil {
		return nil, fmt.Errorf("cabi: %w", err)
	}
	s.cpu, err = choosePin()
	found.Machine.pinnedTo(s.cpu, err)
	for round := range p.rounds {
		for i, m := range p.measures {
			progress.show("round %d of %d: %s", round+1, p.rounds, m.name)
			for side := range 2 {
				ours := (side+round)%2 == 1 // neither is always the first
				v, err := s.measure(ctx, m, ours)
				if err != nil {
					return nil, err
				}
				if ours {
					found.Rows[i].ours = append(found.Rows[i].ours, v)
				} else {
					found.Rows[i].theirs = append(found.Rows[i].theirs, v)
				}
			}
		}
	}
	found.conclude()
	return found, nil
}

// buildCABI makes libasync where the checkout has it, and the programs.
func buildCABI(ctx context.Context, dir, openssl string) (s cabiSides, err error) {
	if _, err := findOpenSSL(ctx, openssl); err != nil {
		return s, err
	}
	cc, err := compiler()
	if err != nil {
		return s, err
	}
	source, err := output(ctx, noPin, "go", "list", "-f", "{{.Dir}}", path.Join(path.Dir(facilityPackage), "cabi"))
	if err != nil {
		return s, fmt.Errorf("finding the library, which needs the project's checkout around it: %w", err)
	}
	source = strings.TrimSpace(source)
	if _, err := output(ctx, noPin, "make", "-s", "-C", source, "CC="+strings.Join(cc, " "), "B="+dir, path.Join(dir, "libasync.so")); err != nil {
		return s, fmt.Errorf("making libasync: %w", err)
	}
	s.openssl, s.preload = openssl, filepath.Join(dir, "libasync.so")
	if s.theirs, err = compileC(ctx, dir, "facility", facilityC); err != nil {
		return s, err
	}
	if s.ours, err = compileC(ctx, dir, "ours", facilityC, "-L"+dir, "-lasync", "-Wl,-rpath,"+dir); err != nil {
		return s, err
	}
	engine, err := os.ReadFile(filepath.Join(source, "test", "engine.c"))
	if err != nil {
		return s, err
	}
	s.engine, err = compileC(ctx, dir, "engine", engine, "-std=gnu11", "-shared", "-fPIC", "-pthread")
	return s, err
}

func (s cabiSides) measure(ctx context.Context, m measure, ours bool) (float64, error) {
	if m.isSpeed() {
		return s.speed(ctx, m.c, ours)
	}
	program := s.theirs
	if ours {
		program = s.ours
	}
	ms := strconv.FormatFloat(float64(s.time)/float64(time.Millisecond), 'f', -1, 64)
	return measureC(ctx, s.cpu, program, "time", m.c, strconv.Itoa(m.fds), ms)
}

// speed runs openssl speed on one CPU, engine and all, until it has told of the signatures: a second.
func (s cabiSides) speed(ctx context.Context, algorithm string, ours bool) (float64, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd := exec.CommandContext(ctx, s.openssl, "speed", "-elapsed", "-mr", "-seconds", "1", "-engine", s.engine, "-async_jobs", "8", algorithm)
	if ours {
		cmd.Env = append(os.Environ(), "LD_PRELOAD="+s.preload)
	}
	told, err := cmd.StderrPipe()
	if err != nil {
		return 0, err
	}
	if err := startOn(s.cpu, cmd); err != nil {
		return 0, fmt.Errorf("openssl: %w", err)
	}
	var said []string
	ns := 0.0
	for lines := bufio.NewScanner(told); lines.Scan() && ns == 0; {
		said = append(said, lines.Text())
		// +R1 is of RSA signatures and +R5 of ECDSA's: the count, the bits, the seconds.
		if f := strings.Split(lines.Text(), ":"); len(f) == 4 && (f[0] == "+R1" || f[0] == "+R5") {
			done, err := strconv.ParseFloat(f[1], 64)
			seconds, err2 := strconv.ParseFloat(f[3], 64)
			if errors.Join(err, err2) == nil && done > 0 {
				ns = seconds * 1e9 / done
			}
		}
	}
	cmd.Process.Kill()
	cmd.Wait()
	if ctx.Err() != nil {
		return 0, ctx.Err()
	}
	if ns <= 0 {
		return 0, fmt.Errorf("openssl: speed %s gave no figure; it said: %s", algorithm, strings.Join(said, "; "))
	}
	return ns, nil
}
