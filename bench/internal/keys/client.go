package keys

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"time"

	"asynccrypto/bench/internal/harness"
	"asynccrypto/bench/internal/proc"
	"asynccrypto/engine"
	"asynccrypto/engine/multibuffer"
	"asynccrypto/remote"
)

// roleClient is the role of the clients' processes.
const roleClient = "keys-client"

const (
	clientProcs = 1
	bareProcs   = 2 // of both ends of the bare way, one of which waits in the system call
)

// way is a way to have signatures made.
type way string

const (
	local   way = "local engine"
	network way = "remote, mutual TLS"
	unix    way = "remote, Unix socket"
	unary   way = "a gRPC call each"
	// bare is one signature at a time, of a process that does nothing else.
	bare way = "bare Unix socket"
)

// clientOrder is one of: open, which signs once; begin, which has callers sign without end; mark,
// after which figures begin again at 0; account; end, which waits for the callers' last signatures.
type clientOrder struct {
	Do   string      `json:"do"`
	Spec *clientSpec `json:"spec,omitempty"` // for open
	Load *callers    `json:"load,omitempty"` // for begin
}

type clientSpec struct {
	Way        way      `json:"way"`
	Nodes      []string `json:"nodes"`
	Identity   identity `json:"identity"`
	Roots      []byte   `json:"roots"`
	Key        []byte   `json:"key"` // of the local engine
	Public     []byte   `json:"public"`
	Digests    [][]byte `json:"digests"`
	Signatures [][]byte `json:"signatures"`
}

// callers are goroutines that sign one digest after the other.
type callers struct {
	N        int           `json:"n"`
	Every    time.Duration `json:"every"`    // between the beginnings of two calls of a caller; 0: at once
	Deadline time.Duration `json:"deadline"` // of a call; 0: none
}

// clientAccount is a client's account.
type clientAccount struct {
	Done    uint64        `json:"done"`    // since the beginning
	Time    time.Duration `json:"time_ns"` // likewise
	CPU     int64         `json:"cpu_ns"`  // likewise
	Asked   uint64        `json:"asked"`   // likewise: requests, of remote alone
	Again   uint64        `json:"again"`   // likewise: those that were asked of one more node
	Delay   time.Duration `json:"delay"`   // after which a request is asked again, at this moment
	Signed  uint64        `json:"signed"`  // as of a node; of the local engine
	Batches uint64        `json:"batches"` // likewise

	Failed int           `json:"failed"` // since the last mark, as all below
	Error  string        `json:"err"`    // the first
	P50    time.Duration `json:"p50_ns"` // of signatures
	P999   time.Duration `json:"p999_ns"`
	Max    time.Duration `json:"max_ns"` // of all calls
}

// client is the callers in their process.
type client struct {
	spec   *clientSpec
	sign   func(ctx context.Context, digest []byte) ([]byte, error)
	engine *engine.Engine // the local one
	remote *remote.Engine
	begun  time.Time

	stop    context.CancelFunc
	running sync.WaitGroup

	mu     sync.Mutex
	done   uint64
	failed int
	err    error // the first
	took   []time.Duration
	worst  time.Duration
}

// beClient is the main of the process.
func beClient(in io.Reader, out io.Writer) error {
	return harness.Orders(in, out, (&client{begun: time.Now()}).do)
}

func (c *client) do(o clientOrder) (clientAccount, error) {
	switch o.Do {
	case "open":
		if err := c.open(o.Spec); err != nil {
			return clientAccount{}, err
		}
	case "begin":
		ctx, stop := context.WithCancel(context.Background())
		c.stop = stop
		for i := range o.Load.N {
			c.running.Go(func() { c.call(ctx, i, *o.Load) })
		}
	case "end":
		c.stop()
		c.running.Wait()
	case "account":
	case "mark":
		return c.account(true), nil
	default:
		return clientAccount{}, fmt.Errorf("a client knows no order %q", o.Do)
	}
	return c.account(false), nil
}

// open prepares the way, and signs once.
func (c *client) open(spec *clientSpec) (err error) {
	c.spec = spec
	switch spec.Way {
	case local:
		err = c.openLocal()
	case network, unix:
		err = c.openRemote()
	case unary:
		c.sign, err = dialUnary(spec)
	case bare:
		c.sign, err = dialBare(spec.Nodes[0])
	default:
		err = fmt.Errorf("there is no way %q", spec.Way)
	}
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return c.signCase(ctx, 0)
}

func (c *client) openLocal() error {
	key, err := privateKey(c.spec.Key)
	if err != nil {
		return err
	}
	if c.engine, err = multibuffer.New(multibuffer.Options{}); err != nil {
		return err
	}
	signer, err := c.engine.Signer(key)
	c.sign = signBy(signer)
	return err
}

func (c *client) openRemote() error {
	tls, err := c.spec.Identity.mutual(c.spec.Roots)
	if err != nil {
		return err
	}
	pub, err := x509.ParsePKIXPublicKey(c.spec.Public)
	if err != nil {
		return err
	}
	// The default of Depth is 1024.
	c.remote, err = remote.New(remote.Config{Nodes: c.spec.Nodes, TLS: tls, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	signer, err := c.remote.SignerFor(pub)
	if err != nil {
		return err
	}
	c.sign = signBy(signer)
	return c.allUp()
}

// allUp waits until every node is up.
func (c *client) allUp() error {
	for range 1000 {
		if !slices.ContainsFunc(c.remote.Nodes(), func(n remote.NodeHealth) bool { return !n.Up }) {
			return nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	return fmt.Errorf("a node is not up: %+v", c.remote.Nodes())
}

func signBy(signer engine.Signer) func(context.Context, []byte) ([]byte, error) {
	return func(ctx context.Context, digest []byte) ([]byte, error) {
		var bound crypto.Signer = signer
		if ctx.Done() != nil {
			bound = signer.WithContext(ctx)
		}
		return bound.Sign(rand.Reader, digest, crypto.SHA256)
	}
}

var errWrong = errors.New("a signature is wrong")

// signCase signs a digest, and compares the signature.
func (c *client) signCase(ctx context.Context, i int) error {
	i %= len(c.spec.Digests)
	signature, err := c.sign(ctx, c.spec.Digests[i])
	if err == nil && !bytes.Equal(signature, c.spec.Signatures[i]) {
		err = errWrong
	}
	return err
}

// call is a caller, of a number. Callers with a pace begin at different moments.
func (c *client) call(stopped context.Context, number int, l callers) {
	due := time.Now().Add(l.Every * time.Duration(number) / time.Duration(l.N))
	for i := number; stopped.Err() == nil; i++ {
		if l.Every > 0 {
			time.Sleep(time.Until(due))
			due = due.Add(l.Every)
		}
		ctx, cancel := context.Background(), func() {}
		if l.Deadline > 0 {
			ctx, cancel = context.WithTimeout(ctx, l.Deadline)
		}
		begun := time.Now()
		err := c.signCase(ctx, i)
		c.note(time.Since(begun), err)
		cancel()
		if now := time.Now(); due.Before(now) {
			due = now // what a late caller has missed is not made up for
		}
	}
}

// note notes a call.
func (c *client) note(took time.Duration, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.worst = max(c.worst, took)
	if err == nil {
		c.done++
		c.took = append(c.took, took)
		return
	}
	c.failed++
	if c.err == nil {
		c.err = err
	}
}

// account returns the account. A mark has the next one begin again at 0.
func (c *client) account(mark bool) clientAccount {
	c.mu.Lock()
	a := clientAccount{Done: c.done, Failed: c.failed, Max: c.worst}
	if c.err != nil {
		a.Error = c.err.Error()
	}
	took := slices.Clone(c.took)
	if mark {
		c.took, c.failed, c.err, c.worst = nil, 0, nil, 0
	}
	c.mu.Unlock()
	a.Time, a.CPU = time.Since(c.begun), proc.OwnCPU()
	if c.remote != nil {
		st := c.remote.Stats()
		a.Asked, a.Again, a.Delay = st.Requests, st.Hedges+st.Again, st.HedgeDelay
	}
	if c.engine != nil {
		for i, batches := range c.engine.Stats().BatchSizes {
			a.Signed += uint64(i+1) * batches
			a.Batches += batches
		}
	}
	slices.Sort(took)
	a.P50, a.P999 = permille(took, 500), permille(took, 999)
	return a
}

// permille returns a permille of a sorted list.
func permille(sorted []time.Duration, p int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[max(0, (len(sorted)*p+999)/1000-1)]
}
