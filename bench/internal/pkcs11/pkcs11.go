// Package pkcs11 measures the engine for HSMs and tokens (package asynccrypto/engine/pkcs11) and
// the chain of fallbacks (asynccrypto/engine/fallback), beside crypto11 and miekg/pkcs11.
//
// The token is SoftHSM behind a module that delays its signatures and bounds how many there are at
// once, as an HSM does. Each side is a process of its own: see package side. There are two
// programs: helpers, without cgo, and inprocess, whose sides load the module into their process,
// and which needs cgo.
package pkcs11

import (
	"context"
	"crypto/x509"
	"debug/buildinfo"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"time"

	"asynccrypto/bench/internal/harness"
	"asynccrypto/bench/internal/pkcs11/side"
	"asynccrypto/internal/hsmtest"
)

// procs is GOMAXPROCS of every side.
const procs = 2

// object is the label of the key.
const object = "key"

// Subject is this package's part of the benchmark.
func Subject() harness.Subject {
	o := new(options)
	return harness.Subject{
		Name:  "pkcs11",
		Short: "keys on a token: threads, CPU, rate, memory and outages, beside crypto11 and miekg/pkcs11",
		Long: `It takes a quarter of an hour and two cores that have nothing else to do. It needs Linux, SoftHSM,
p11-kit and a C compiler (Debian: apt install softhsm2 p11-kit p11-kit-modules gcc libc6-dev). crypto11 and
miekg/pkcs11, which need cgo, are left out if they cannot be built.

With -table nothing is measured: each PKCS #11 module that is installed (SoftHSM, NSS, opencryptoki,
tpm2-pkcs11 on a software TPM) is asked for every operation, and the answers are printed as a table.

  go run ./bench pkcs11 -quick -only '5ms|chain'`,
		Rounds: 5, QuickRounds: 1, Slice: 3 * time.Second, QuickSlice: time.Second,
		QuietShare: 0.9,
		Flags:      o.declare,
		Check:      o.check,
		Instead:    o.instead,
		Measure:    o.measure,
	}
}

// options are the subject's flags.
type options struct {
	pattern       string
	only          *regexp.Regexp
	table, update bool
}

// The sections of the measurement beside those of tokens.
const (
	sectionSingle = "single"
	sectionChain  = "chain"
)

func sectionNames() (names []string) {
	for _, t := range tokens {
		names = append(names, t.name())
	}
	return append(names, sectionSingle, sectionChain)
}

func (o *options) declare(fs *flag.FlagSet) {
	fs.StringVar(&o.pattern, "only", "", "only the sections that match the regular expression `PATTERN`; there are "+strings.Join(sectionNames(), ", "))
	fs.BoolVar(&o.table, "table", false, "print as Markdown which operations each module can do, and measure nothing")
	fs.BoolVar(&o.update, "update", false, "with -table: write the table into "+page)
}

func (o *options) check() (part bool, err error) {
	if o.update && !o.table {
		return false, harness.Usagef("pkcs11: -update: nothing to write without -table")
	}
	names := sectionNames()
	o.only, part, err = harness.CheckOnly("pkcs11", o.pattern, names, strings.Join(names, ", "))
	return part, err
}

// instead prints the table of modules, if that is asked for.
func (o *options) instead(ctx context.Context, stdout, stderr io.Writer) (bool, error) {
	if !o.table {
		return false, nil
	}
	table, err := modulesTable(ctx, stderr)
	switch {
	case err != nil:
	case o.update:
		err = updatePage(ctx, table)
	default:
		_, err = io.WriteString(stdout, table)
	}
	return true, err
}

// extent says how much is measured.
type extent struct {
	inFlight   int           // operations that each side has in flight
	settle     time.Duration // how long a token works before it fails
	backWithin time.Duration // the time it gets to be in use again
}

var fullExtent = extent{inFlight: 1000, settle: time.Second, backWithin: 5 * time.Second}

// session is a run of the subject.
type session struct {
	*harness.Run
	options
	extent
	direct  *hsmtest.Module // SoftHSM
	slow    *hsmtest.Module // the same token behind the proxy
	server  *hsmtest.Daemon // of p11-kit, with the token behind the proxy
	socket  string          // the server's
	control *hsmtest.Control
	key     []byte // in PKCS #8

	programs map[string]string // by their folders; those that cannot be built are missing
	copies   map[string]string // of this round
	steps    []harness.Step    // of a round
}

func (o *options) measure(ctx context.Context, run *harness.Run) error {
	if runtime.GOOS != "linux" {
		return errors.New("pkcs11: SoftHSM's proxy, threads and memory are for linux; run this on linux")
	}
	if _, err := exec.LookPath("p11-kit"); err != nil {
		return fmt.Errorf("pkcs11: %w; install it (Debian, Ubuntu: apt install p11-kit; Fedora: dnf install p11-kit-server)", err)
	}
	var measured error
	err := hsmtest.Run(func(t hsmtest.T) {
		s := &session{Run: run, options: *o, extent: fullExtent}
		if measured = s.prepare(ctx, t); measured == nil {
			measured = run.Each(ctx, func(round int) error { return s.round(ctx, round) })
		}
	})
	return errors.Join(err, measured)
}

// prepare makes the token, the program of the other sides, and the tables.
func (s *session) prepare(ctx context.Context, t hsmtest.T) (err error) {
	s.Progress.Show("making a token")
	s.direct = hsmtest.SoftHSM(t)
	key := hsmtest.NewKey(t, hsmtest.P256)
	s.direct.Import(t, object, key)
	s.slow, s.control = hsmtest.Proxy(t, s.direct)
	if s.key, err = x509.MarshalPKCS8PrivateKey(key); err != nil {
		return err
	}
	s.Progress.Show("compiling the sides")
	if err := s.build(ctx, t.TempDir()); err != nil {
		return err
	}
	if v := version(ctx, "softhsm2-util", "--version"); v != "" {
		s.Result.Notes = append(s.Result.Notes, "the token is SoftHSM "+v)
	}
	s.Result.Notes = append(s.Result.Notes, fmt.Sprintf("each side is a process of its own with GOMAXPROCS=%d, and every signature was verified", procs))
	s.Pinned(harness.NoPin, "not pinned: a token's helpers run on all cores")
	s.loads()
	s.single()
	s.chain(t)
	return nil
}

func version(ctx context.Context, argv ...string) string {
	out, err := harness.Output(ctx, harness.NoPin, argv[0], argv[1:]...)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(out)
}

// The folders of the programs.
const (
	programHelpers   = "helpers"
	programInProcess = "inprocess"
)

// build builds the programs from the checkout. If inprocess does not compile, it is left out, and
// the result says so.
func (s *session) build(ctx context.Context, dir string) error {
	root, err := harness.Checkout(ctx)
	if err != nil {
		return err
	}
	compile := func(name string, env ...string) (string, error) {
		bin := harness.Executable(dir, name)
		cmd := exec.CommandContext(ctx, "go", "build", "-o", bin, ".")
		cmd.Dir = filepath.Join(root, "bench", "internal", "pkcs11", name)
		cmd.Env = append(cmd.Environ(), env...)
		if said, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("go build: %w: %s", err, strings.TrimSpace(string(said)))
		}
		return bin, nil
	}
	s.programs = map[string]string{}
	if s.programs[programHelpers], err = compile(programHelpers, "CGO_ENABLED=0"); err != nil {
		return fmt.Errorf("compiling our side: %w", err)
	}
	bin, err := compile(programInProcess, "CGO_ENABLED=1", "GOWORK=off")
	if ctx.Err() != nil {
		return ctx.Err()
	} else if err != nil {
		s.Result.Missing = append(s.Result.Missing, "crypto11, miekg/pkcs11 and package direct: their program does not compile: "+err.Error())
		return nil
	}
	s.programs[programInProcess] = bin
	info, err := buildinfo.ReadFile(bin)
	if err != nil {
		return err
	}
	for _, dep := range info.Deps {
		switch name := path.Base(dep.Path); name {
		case "crypto11", "pkcs11":
			s.Result.Beside = append(s.Result.Beside, strings.TrimPrefix(dep.Path, "github.com/")+" "+dep.Version)
		}
	}
	return nil
}

// round measures everything once, with new copies of the programs: see [harness.CopyOfThis]. Every
// second round goes backwards.
func (s *session) round(ctx context.Context, round int) (err error) {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	s.copies = map[string]string{}
	for name, program := range s.programs {
		s.copies[name] = harness.Executable(dir, name)
		if err := harness.CopyProgram(s.copies[name], program); err != nil {
			return err
		}
	}
	return harness.DoSteps(ctx, round, s.steps)
}

// way is a way to a token in one of the programs.
type way string

// The ways: see package side.
const (
	crypto11 way = "crypto11"
	miekg    way = "miekg"
	inside   way = "direct"
	helpers  way = "helpers"
)

func (w way) program() string {
	if w == helpers {
		return programHelpers
	}
	return programInProcess
}

// missing reports whether the way's program could not be built.
func (s *session) missing(w way) bool { return s.programs[w.program()] == "" }

// token describes a module's token to a side.
func token(m *hsmtest.Module, sessions int) side.Token {
	return side.Token{Module: m.Path, Label: m.Label, PIN: m.PIN, Object: object, URI: m.URI(object), Sessions: sessions}
}

// open starts a process that has opened the key, on one CPU or anywhere for [harness.NoPin]. Its helpers
// run where it does. The variables env, as NAME=value, are added to its environment. Call Close of the
// child when done.
func (s *session) open(w way, t side.Token, cpu int, env ...string) (*harness.Child, error) {
	child, err := harness.StartChild(s.copies[w.program()], side.Role, cpu, procs, false, env...)
	if err != nil {
		return nil, err
	}
	if err := child.Do(side.Order{Do: "open", Way: string(w), Token: t}, nil); err != nil {
		child.Close()
		return nil, err
	}
	return child, nil
}
