package keys

import (
	"context"
	"errors"
	"fmt"
	"time"

	"asynccrypto/bench/internal/harness"
	"asynccrypto/bench/internal/proc"
)

// outage is an event at one of two nodes while callers sign.
type outage struct {
	section string
	begin   func(n *node) error // nil: nothing happens
}

const slowness = 300 * time.Millisecond

var outages = []outage{
	{"all well", nil},
	{"killed", func(n *node) error { return n.Process().Kill() }},
	{"stopped", func(n *node) error { return stop(n.Process()) }},
	{"slow", func(n *node) error { return n.Do(nodeOrder{Do: "slow", Slow: slowness}, nil) }},
}

// paced are the callers of the nodes: 400 signatures in a second.
var paced = callers{N: 8, Every: 20 * time.Millisecond, Deadline: 2 * time.Second}

// Goals.
const (
	beyondDelay = 20.0 // ms of the p99.9 beyond the hedge delay
	askedAgain  = 1.0  // percent, when all is well
)

// outageRow has the figures of a way.
type outageRow struct {
	*harness.Row
	calls, errors, p50, p999, worst, delay, beyond, again *harness.Value
}

// outages adds the table of two nodes, and the steps of a round that measure it.
func (s *session) outages() {
	var table *harness.Table
	for _, o := range outages {
		if !s.only.MatchString(o.section) {
			continue
		}
		if table == nil {
			table = s.Result.Table("two nodes, of which one fails", fmt.Sprintf("%d callers make %d calls in a second, each with a deadline of %v, for %v. "+
				"After a fifth of that time one node is killed (kill -9), stopped (SIGSTOP), or takes %v more for each signature. "+
				"A call's clock starts when it is made; a caller whose call takes long makes fewer. Hedge delay: after which remote asks a late request of another node, "+
				"at the moment of the outage; beyond it: p99.9 less the hedge delay. Asked again: requests beyond what was asked. "+
				"A gRPC call each: with round_robin, retries and keepalive", paced.N, paced.N*int(time.Second/paced.Every), paced.Deadline, s.Slice, slowness))
		}
		for _, w := range []way{network, unary} {
			row := newOutageRow(table, o, w)
			s.steps = append(s.steps, func(ctx context.Context, round int) error {
				s.Show(round, row.Name)
				found, err := harness.Quietly(s.Run, func() (outcome, float64, error) { return s.during(ctx, o, w) }, row.Row)
				if err != nil {
					return fmt.Errorf("%s: %w", row.Name, err)
				}
				row.note(found)
				return nil
			})
		}
	}
}

func newOutageRow(table *harness.Table, o outage, w way) *outageRow {
	r := &outageRow{Row: table.Row(o.section + ": " + string(w))}
	r.calls = r.Value("calls", harness.Plain)
	r.errors = r.Value("errors", harness.Plain)
	r.p50 = r.Value("p50", harness.Milliseconds)
	r.p999 = r.Value("p99.9", harness.Milliseconds)
	r.worst = r.Value("worst", harness.Milliseconds)
	if w == unary {
		return r
	}
	r.delay = r.Value("hedge delay", harness.Milliseconds)
	r.beyond = r.Value("beyond it", harness.Milliseconds)
	r.again = r.Value("asked again, %", harness.Plain)
	r.errors.Goal = harness.Goal{None: true}
	if o.begin == nil {
		r.again.Goal = harness.Goal{AtMost: askedAgain}
	} else {
		r.beyond.Goal = harness.Goal{AtMost: beyondDelay}
	}
	return r
}

// outcome has the figures of the callers during an outage.
type outcome struct {
	clientAccount
	calls int
	delay time.Duration
	again float64 // percent
}

// note notes the figures of a round.
func (r *outageRow) note(o outcome) {
	r.calls.Note(float64(o.calls))
	r.errors.Note(float64(o.Failed))
	if o.Failed > 0 {
		r.Remark = o.Error
	}
	r.p50.Note(milliseconds(o.P50))
	r.p999.Note(milliseconds(o.P999))
	r.worst.Note(milliseconds(o.Max))
	if r.delay != nil {
		r.delay.Note(milliseconds(o.delay))
		r.beyond.Note(milliseconds(o.P999 - o.delay))
		r.again.Note(o.again)
	}
}

// during measures a way during an outage.
func (s *session) during(ctx context.Context, o outage, w way) (found outcome, share float64, err error) {
	var nodes []*node
	for range 2 {
		n, err := s.startNode()
		if err != nil {
			return found, 0, err
		}
		defer n.Close()
		defer n.Process().Kill() // a stopped process does not end by itself
		nodes = append(nodes, n)
	}
	c, err := s.startClient(w, nodes...)
	if err != nil {
		return found, 0, err
	}
	defer c.Close()
	if err := c.Do(clientOrder{Do: "begin", Load: &paced}, nil); err != nil {
		return found, 0, err
	}
	if err := wait(ctx, s.warm); err != nil {
		return found, 0, err
	}
	var begin clientAccount
	if err := c.Do(clientOrder{Do: "mark"}, &begin); err != nil {
		return found, 0, err
	}
	before, err := usageOf(c, nodes)
	if err != nil {
		return found, 0, err
	}
	if err := s.calls(ctx, o, c, nodes[0], &found); err != nil {
		return found, 0, err
	}
	after, err := usageOf(c, nodes)
	if err != nil {
		return found, 0, err
	}
	if found.Done == begin.Done {
		return found, 0, errors.New("no signature was made while the clock ran")
	}
	found.calls = int(found.Done-begin.Done) + found.Failed
	if asked := found.Asked - begin.Asked; asked > 0 {
		found.again = 100 * float64(found.Again-begin.Again) / float64(asked)
	}
	return found, after.since(before).share(), nil
}

// calls has the callers sign for a slice, in which the outage happens to n, and notes the client's
// account when their last calls have ended.
func (s *session) calls(ctx context.Context, o outage, c *harness.Child, n *node, found *outcome) error {
	quiet := s.Slice / 5
	if err := wait(ctx, quiet); err != nil {
		return err
	}
	var now clientAccount
	if err := c.Do(clientOrder{Do: "account"}, &now); err != nil {
		return err
	}
	found.delay = now.Delay
	if o.begin != nil {
		if err := o.begin(n); err != nil {
			return err
		}
	}
	if err := wait(ctx, s.Slice-quiet); err != nil {
		return err
	}
	return c.Do(clientOrder{Do: "end"}, &found.clientAccount)
}

// usage is the CPU time of the processes that are measured, and of all.
type usage struct{ own, busy, all int64 }

// usageOf asks the system, as a node that is killed or stopped does not answer.
func usageOf(c *harness.Child, nodes []*node) (u usage, err error) {
	processes := []*harness.Child{c}
	for _, n := range nodes {
		processes = append(processes, n.Child)
	}
	for _, p := range processes {
		_, cpu, err := proc.Stat(p.Process().Pid)
		if err != nil {
			return u, err
		}
		u.own += cpu
	}
	u.busy, u.all, err = proc.Busy()
	return u, err
}

func (u usage) since(before usage) usage {
	return usage{u.own - before.own, u.busy - before.busy, u.all - before.all}
}

// share returns the part of all CPUs' time that other programs left, from a little above 0 to 1.
func (u usage) share() float64 {
	if u.all <= 0 {
		return 0
	}
	return min(1, max(0.01, 1-float64(u.busy-u.own)/float64(u.all)))
}
