// Package provider measures the OpenSSL provider: HAProxy and nginx with a key of their own beside
// the same programs with the provider, whose key is in a key server.
//
// The CPU time of a program with the provider is that of the program and of the key server together.
// Both share a CPU, and the clients have another one.
package provider

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"regexp"
	"runtime"
	"strings"
	"time"

	"asynccrypto/bench/internal/harness"
	"asynccrypto/bench/internal/programs"
	"asynccrypto/bench/internal/tlsclient"
	"asynccrypto/engine/multibuffer"
)

// Subject is this package's part of the benchmark.
func Subject() harness.Subject {
	o := new(options)
	return harness.Subject{
		Name:  "provider",
		Short: "the OpenSSL provider: HAProxy and nginx, plain and with their keys in a key server",
		Long: `It takes half an hour, Linux, and two cores that have nothing else to do; a C compiler, make and OpenSSL's
headers for the provider; HAProxy, nginx and openssl (Debian: apt install haproxy nginx openssl), which are left
out where there are none. With -haproxy it measures several HAProxys, which may have other OpenSSLs.

  go run ./bench provider -quick -only 'haproxy.*rsa2048|idle'`,
		Rounds: 7, QuickRounds: 1, Slice: 3 * time.Second, QuickSlice: time.Second,
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
		Roles: map[string]func(io.Reader, io.Writer) error{roleKeyServer: beKeyServer, tlsclient.Role: tlsclient.Main},
	}
}

// options are the subject's flags, and how much is measured.
type options struct {
	pattern string
	only    *regexp.Regexp
	haproxy string
	openssl string
	module  string
	load
}

// load is how many clients there are.
type load struct {
	warm    time.Duration // before the clock starts
	clients int           // that handshake at a time
	idle    int           // idle connections
}

var (
	fullLoad  = load{warm: 500 * time.Millisecond, clients: 64, idle: 5000}
	quickLoad = load{warm: 200 * time.Millisecond, clients: 64, idle: 2000}
)

func (o *options) declare(fs *flag.FlagSet) {
	fs.StringVar(&o.pattern, "only", "", "only the sections that match the regular expression `PATTERN`; there are "+strings.Join(sectionNames(), ", "))
	fs.StringVar(&o.haproxy, "haproxy", "haproxy", "the `COMMANDS` of HAProxys, with commas between them")
	fs.StringVar(&o.openssl, "openssl", "openssl", "the openssl `COMMAND` that tells what a signature takes; its version is to be that of a HAProxy's library")
	fs.StringVar(&o.module, "module", "", "the `MODULE` to measure, a path of asynccrypto.so (default: the checkout's, which is built)")
}

func (o *options) check() (part bool, err error) {
	names := sectionNames()
	o.only, part, err = harness.CheckOnly("provider", o.pattern, names, strings.Join(names, ", "))
	return part, err
}

// session is a run of the subject.
type session struct {
	*harness.Run
	options
	keys                 map[string]*key
	serverCPU, clientCPU int
	program              string         // this round's copy of this program
	dir                  string         // this round's, for sockets and configurations
	started              int            // key servers so far
	steps                []harness.Step // of a round
}

func (o *options) measure(ctx context.Context, run *harness.Run) error {
	s, err := o.prepare(ctx, run)
	if err != nil {
		return err
	}
	return run.Each(ctx, func(round int) error { return s.round(ctx, round) })
}

// prepare makes the keys, the provider and the tables.
func (o *options) prepare(ctx context.Context, run *harness.Run) (*session, error) {
	if runtime.GOOS != "linux" {
		return nil, errors.New("provider: key servers of other processes, and the CPU time of programs, are measured on linux only; run this on linux")
	}
	s := &session{Run: run, options: *o}
	var err error
	if s.keys, err = newKeys(); err != nil {
		return nil, err
	}
	if s.module == "" {
		s.Progress.Show("building the provider")
		if s.module, err = buildModule(ctx); err != nil {
			return nil, err
		}
	}
	s.serverCPU, s.clientCPU = run.PinServers("programs and key servers", "clients")
	if ok, reason := multibuffer.Supported(); !ok {
		run.Result.Notes = append(run.Result.Notes, "no gain by batches here: "+reason)
	}
	run.Result.Notes = append(run.Result.Notes,
		"every handshake was full, TLS 1.3 with X25519, and verified by its client; the key server made at least as many signatures",
		fmt.Sprintf("a key server has one worker at nice %d and GOMAXPROCS=%d, and no audit log", keyServerNice, keyServerProcs))
	return s, s.tables(ctx)
}

// round measures everything once, with processes of a new copy of this program: see
// [harness.CopyOfThis]. Every second round goes backwards.
func (s *session) round(ctx context.Context, round int) (err error) {
	var remove func()
	if s.dir, remove, err = s.Dir(); err != nil {
		return err
	}
	defer remove()
	if s.program, err = harness.CopyOfThis(s.dir); err != nil {
		return err
	}
	return harness.DoSteps(ctx, round, s.steps)
}

// found returns a program that was looked for. Where it is missing the result says so, and found is
// nil.
func found[T any](s *session, name string, program *T, err error) (*T, error) {
	if harness.IsMissing(err) {
		s.Result.Missing = append(s.Result.Missing, name+", "+err.Error())
		return nil, nil
	}
	return program, err
}

// haproxys returns the HAProxys that are there.
func (s *session) haproxys(ctx context.Context) (all []*programs.HAProxy, err error) {
	for command := range strings.SplitSeq(s.haproxy, ",") {
		h, err := programs.FindHAProxy(ctx, command)
		if h, err = found(s, "HAProxy", h, err); err != nil {
			return nil, err
		} else if h != nil {
			all = append(all, h)
			s.Result.Beside = append(s.Result.Beside, h.Version+" with "+h.OpenSSL)
		}
	}
	return all, nil
}
