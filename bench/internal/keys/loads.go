package keys

import (
	"context"
	"errors"
	"fmt"
	"time"

	"asynccrypto/bench/internal/harness"
	"asynccrypto/bench/internal/proc"
)

// load is a number of callers that sign without pause, by one node.
type load struct {
	section, title string
	callers        int
	goals          map[way]harness.Goal
}

// The goals of 64 in flight are about CPU, as a multiple of the local engine's, and those of one in
// flight about the p50 beyond the local engine's, in microseconds.
var loads = []load{
	{"64 in flight", "64 signatures in flight, one node", 64, map[way]harness.Goal{network: {AtMost: 1.5}, unix: {AtMost: 1.2}}},
	{"one in flight", "one signature in flight, one node; of the " + string(bare) + ", the least that two processes can do", 1, map[way]harness.Goal{network: {AtMost: 90}, unix: {AtMost: 40}}},
}

// ways are measured in turns, several times in a round.
func (l load) ways() []way {
	if l.callers == 1 {
		return []way{local, bare, network, unix, unary}
	}
	return []way{local, network, unix, unary}
}

// turns is how many parts the slices of a round have.
const turns = 4

// loadRow has the figures of a way.
type loadRow struct {
	*harness.Row
	nodeCPU, clientCPU, cpu, rate, batch *harness.Value
	overLocal                            *harness.Value // CPU, or p50 in microseconds beyond it
	p50                                  *harness.Value
}

// loads adds the tables of loads, and the steps of a round that measure them.
func (s *session) loads() {
	compare := &harness.Table{Title: "beside gRPC", Note: "how many times less CPU, of client and node together, or time a signature of remote takes " +
		"by mutual TLS than one by " + string(unary)}
	for _, l := range loads {
		if !s.only.MatchString(l.section) {
			continue
		}
		table := s.Result.Table(l.title, "CPU is that of a signature; together: of node and client. The ways take turns of a "+
			fmt.Sprint(s.Slice/turns)+", between processes that stay")
		rows := map[way]*loadRow{}
		for _, w := range l.ways() {
			rows[w] = newLoadRow(table, w, l)
		}
		row := compare.Row(l.section + ": CPU")
		row.TimesLess("times better", rows[network].cpu, rows[unary].cpu, harness.Goal{})
		all := []*harness.Row{row}
		if l.callers == 1 {
			row := compare.Row(l.section + ": p50")
			row.TimesLess("times better", rows[network].p50, rows[unary].p50, harness.Goal{})
			all = append(all, row)
		}
		for _, r := range rows {
			all = append(all, r.Row)
		}
		s.steps = append(s.steps, func(ctx context.Context, round int) error {
			s.Show(round, l.section)
			found, err := harness.Quietly(s.Run, func() (map[way]*span, float64, error) { return s.turns(ctx, round, l) }, all...)
			if err != nil {
				return fmt.Errorf("%s: %w", l.section, err)
			}
			for w, r := range rows {
				r.note(found[w], found[local], l)
			}
			return nil
		})
	}
	if len(compare.Rows) > 0 {
		s.Result.Tables = append(s.Result.Tables, compare)
	}
}

func newLoadRow(table *harness.Table, w way, l load) *loadRow {
	r := &loadRow{Row: table.Row(string(w))}
	if w != local {
		r.nodeCPU = r.Value("node CPU", harness.Microseconds)
		r.clientCPU = r.Value("client CPU", harness.Microseconds)
	}
	r.cpu = r.Value("CPU together", harness.Microseconds)
	if l.callers > 1 {
		if w != local {
			r.overLocal = r.Value("x local engine", harness.Plain)
		}
		r.rate = r.Value("rate", harness.PerSecond)
		r.batch = r.Value("batch", harness.Plain)
	} else {
		r.p50 = r.Value("p50", harness.Microseconds)
		if w != local {
			r.overLocal = r.Value("beyond the local engine", harness.Microseconds)
		}
	}
	if w != local {
		r.overLocal.Goal = l.goals[w]
	}
	return r
}

// note notes the figures of a round.
func (r *loadRow) note(f, local *span, l load) {
	if r.overLocal != nil {
		r.nodeCPU.Note(f.each(f.nodeCPU))
		r.clientCPU.Note(f.each(f.clientCPU))
	}
	cpu := f.each(f.nodeCPU + f.clientCPU)
	r.cpu.Note(cpu)
	if l.callers == 1 {
		r.p50.Note(microseconds(f.p50))
		if r.overLocal != nil {
			r.overLocal.Note(microseconds(f.p50 - local.p50))
		}
		return
	}
	if r.overLocal != nil {
		r.overLocal.Note(cpu / local.each(local.nodeCPU+local.clientCPU))
	}
	r.rate.Note(float64(f.done) / f.time.Seconds())
	if f.batches > 0 {
		r.batch.Note(float64(f.signed) / float64(f.batches))
	}
}

func microseconds(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// span has the figures of a way in its turns.
type span struct {
	done, signed, batches uint64
	time                  time.Duration
	nodeCPU, clientCPU    int64
	usage                 usage
	p50s                  []float64     // of the turns, in nanoseconds
	p50                   time.Duration // their median
}

// each returns microseconds for a signature.
func (s *span) each(ns int64) float64 { return float64(ns) / 1e3 / float64(s.done) }

// turns measures all ways by turns.
func (s *session) turns(ctx context.Context, round int, l load) (found map[way]*span, share float64, err error) {
	n, err := s.startNode()
	if err != nil {
		return nil, 0, err
	}
	defer n.Close()
	ways, nodes, clients := l.ways(), map[way]*node{}, map[way]*harness.Child{}
	found = map[way]*span{}
	for _, w := range ways {
		nodes[w] = n
		if w == bare {
			if nodes[w], err = s.start("bare", bareProcs); err != nil {
				return nil, 0, err
			}
			defer nodes[w].Close()
		}
		c, err := s.startClient(w, nodes[w])
		if err != nil {
			return nil, 0, err
		}
		defer c.Close()
		clients[w] = c
		found[w] = new(span)
	}
	for turn := range turns {
		for i := range ways {
			if (round+turn)%2 == 1 {
				i = len(ways) - 1 - i
			}
			w := ways[i]
			if err := s.turn(ctx, nodes[w], clients[w], l, found[w]); err != nil {
				return nil, 0, fmt.Errorf("%s: %w", w, err)
			}
		}
	}
	share = 1
	for _, f := range found {
		f.p50 = time.Duration(harness.Summarize(f.p50s).Median)
		share = min(share, f.usage.share())
	}
	return found, share, nil
}

// moment is the state of all counters at one time.
type moment struct {
	node   nodeAccount
	client clientAccount
	usage  usage
}

// momentOf asks the client by an order: account or mark.
func momentOf(n *node, c *harness.Child, do string) (m moment, err error) {
	if m.node, err = n.account(); err != nil {
		return m, err
	}
	if err = c.Do(clientOrder{Do: do}, &m.client); err != nil {
		return m, err
	}
	m.usage.own = m.node.CPU + m.client.CPU
	m.usage.busy, m.usage.all, err = proc.Busy()
	return m, err
}

// turn measures a way for a part of its slice.
func (s *session) turn(ctx context.Context, n *node, c *harness.Child, l load, into *span) error {
	if err := c.Do(clientOrder{Do: "begin", Load: &callers{N: l.callers}}, nil); err != nil {
		return err
	}
	if err := wait(ctx, s.warm/turns); err != nil {
		return err
	}
	begin, err := momentOf(n, c, "mark")
	if err != nil {
		return err
	}
	end, err := harness.Slices(func() (moment, error) {
		if err := wait(ctx, s.Slice/turns); err != nil {
			return moment{}, err
		}
		return momentOf(n, c, "account")
	}, func(m moment) bool { return m.client.Done > begin.client.Done })
	if err != nil {
		return err
	}
	if err := c.Do(clientOrder{Do: "end"}, nil); err != nil {
		return err
	}
	switch {
	case end.client.Failed > 0:
		return fmt.Errorf("%d signatures failed: %s", end.client.Failed, end.client.Error)
	case end.client.Done == begin.client.Done:
		return errors.New("no signature was made while the clock ran")
	}
	into.add(begin, end)
	return nil
}

// add adds what was done between two moments.
func (s *span) add(begin, end moment) {
	s.done += end.client.Done - begin.client.Done
	s.time += end.client.Time - begin.client.Time
	s.signed += end.client.Signed - begin.client.Signed + end.node.Signed - begin.node.Signed
	s.batches += end.client.Batches - begin.client.Batches + end.node.Batches - begin.node.Batches
	s.nodeCPU += end.node.CPU - begin.node.CPU
	s.clientCPU += end.client.CPU - begin.client.CPU
	u := end.usage.since(begin.usage)
	s.usage = usage{s.usage.own + u.own, s.usage.busy + u.busy, s.usage.all + u.all}
	s.p50s = append(s.p50s, float64(end.client.P50))
}
