// Package keys measures private keys that key servers hold (packages asynccrypto/remote and
// asynccrypto/remote/keyserver), beside the engine in the caller's own process and beside a plain
// call of gRPC for each signature, as programs do today.
//
// Nodes and their clients are processes of their own: this program again. Nodes share a CPU, and
// the client has another one.
package keys

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"time"

	"asynccrypto/bench/internal/harness"
	"asynccrypto/engine/multibuffer"
)

// Subject is this package's part of the benchmark.
func Subject() harness.Subject {
	o := new(options)
	return harness.Subject{
		Name:  "keys",
		Short: "keys in key servers: CPU, rate, latency and outages, beside the local engine and gRPC calls",
		Long: `It takes a quarter of an hour, Linux, and two cores that have nothing else to do. Nodes are killed, stopped
and slowed down while callers have 2 s for each signature.

  go run ./bench keys -quick -only 'one|killed'`,
		Rounds: 7, QuickRounds: 1, Slice: 4 * time.Second, QuickSlice: time.Second,
		QuietShare: 0.9,
		Flags:      o.declare,
		Check:      o.check,
		Measure:    o.measure,
		Roles:      map[string]func(io.Reader, io.Writer) error{roleNode: beNode, roleClient: beClient},
	}
}

// options are the subject's flags.
type options struct {
	pattern string
	only    *regexp.Regexp
}

func sectionNames() (names []string) {
	for _, l := range loads {
		names = append(names, l.section)
	}
	for _, o := range outages {
		names = append(names, o.section)
	}
	return names
}

func (o *options) declare(fs *flag.FlagSet) {
	fs.StringVar(&o.pattern, "only", "", "only the sections that match the regular expression `PATTERN`; there are "+strings.Join(sectionNames(), ", "))
}

func (o *options) check() (part bool, err error) {
	names := sectionNames()
	o.only, part, err = harness.CheckOnly("keys", o.pattern, names, strings.Join(names, ", "))
	return part, err
}

// session is a run of the subject.
type session struct {
	*harness.Run
	options
	material
	warm               time.Duration // before the clock starts
	nodeCPU, clientCPU int
	program            string         // this round's copy of this program
	dir                string         // this round's, for sockets
	started            int            // nodes so far
	steps              []harness.Step // of a round
}

func (o *options) measure(ctx context.Context, run *harness.Run) error {
	s, err := o.prepare(run)
	if err != nil {
		return err
	}
	return run.Each(ctx, func(round int) error { return s.round(ctx, round) })
}

// prepare makes the keys and the tables.
func (o *options) prepare(run *harness.Run) (*session, error) {
	if runtime.GOOS != "linux" {
		return nil, errors.New("keys: the CPU time of processes, and their outages, are measured on linux only; run this on linux")
	}
	s := &session{Run: run, options: *o, warm: 500 * time.Millisecond}
	var err error
	if s.material, err = newMaterial(); err != nil {
		return nil, err
	}
	s.nodeCPU, s.clientCPU = run.PinServers("nodes and the local engine", "clients")
	if ok, reason := multibuffer.Supported(); !ok {
		run.Result.Notes = append(run.Result.Notes, "no gain by batches here: "+reason)
	}
	run.Result.Notes = append(run.Result.Notes,
		"RSA-2048, PKCS #1 v1.5 and SHA-256; every signature was compared with the right one",
		fmt.Sprintf("a node has one worker at nice %d and GOMAXPROCS=%d, and no audit log; a client, and the local engine, has GOMAXPROCS=%d", nodeNice, nodeProcs, clientProcs))
	run.Result.Beside = append(run.Result.Beside, beside())
	s.loads()
	s.outages()
	return s, nil
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

// wait waits, unless ctx ends.
func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// node is a node in its process.
type node struct {
	*harness.Child
	nodeAccount // of its start
}

// startNode starts a node, with a socket of its own.
func (s *session) startNode() (*node, error) { return s.start("serve", nodeProcs) }

// start starts a node by an order.
func (s *session) start(do string, procs int) (*node, error) {
	child, err := harness.StartChild(s.program, roleNode, s.nodeCPU, procs, false)
	if err != nil {
		return nil, err
	}
	n := &node{Child: child}
	spec := &nodeSpec{Identity: s.node, Roots: s.roots, Key: s.key, Socket: filepath.Join(s.dir, fmt.Sprint("s", s.started))}
	s.started++
	if err := child.Do(nodeOrder{Do: do, Spec: spec}, &n.nodeAccount); err != nil {
		child.Close()
		return nil, err
	}
	return n, nil
}

// account returns the node's account.
func (n *node) account() (a nodeAccount, err error) {
	err = n.Do(nodeOrder{Do: "account"}, &a)
	return a, err
}

// startClient starts a client of the nodes, which has signed once. The local engine is on the CPU of
// nodes.
func (s *session) startClient(w way, nodes ...*node) (*harness.Child, error) {
	cpu := s.clientCPU
	spec := &clientSpec{Way: w, Identity: s.client, Roots: s.roots, Digests: s.digests, Signatures: s.signatures}
	if spec.Public = s.public; w == local {
		cpu, spec.Key = s.nodeCPU, s.key
	}
	procs := clientProcs
	for _, n := range nodes {
		switch w {
		case unix:
			spec.Nodes = append(spec.Nodes, "unix:"+n.Socket)
		case bare:
			spec.Nodes = append(spec.Nodes, n.Socket)
			procs = bareProcs
		default:
			spec.Nodes = append(spec.Nodes, n.Addr)
		}
	}
	child, err := harness.StartChild(s.program, roleClient, cpu, procs, false)
	if err != nil {
		return nil, err
	}
	if err := child.Do(clientOrder{Do: "open", Spec: spec}, nil); err != nil {
		child.Close()
		return nil, fmt.Errorf("%s: %w", w, err)
	}
	return child, nil
}
