package pool_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"asynccrypto/remote/internal/pool"
	"asynccrypto/remote/internal/wire"
)

var two = []string{"a", "b"}

// load has callers do one request after another for some time, and returns how long each took. No
// request may fail.
func load(t *testing.T, p *pool.Pool, callers int, each, d time.Duration) (took []time.Duration) {
	t.Helper()
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			for end := time.Now().Add(d); time.Now().Before(end); {
				task := start(p)
				err := task.wait(t)
				mu.Lock()
				if err != nil {
					t.Errorf("after %v: %v", task.took, err)
				}
				took = append(took, task.took)
				mu.Unlock()
				time.Sleep(each)
			}
		})
	}
	wg.Wait()
	slices.Sort(took)
	return took
}

// worst returns the 99.9th percentile.
func worst(took []time.Duration) time.Duration { return took[len(took)*999/1000] }

// With two nodes, nothing that happens to one of them costs more than the hedge delay and a little.
func TestOneOfTwo(t *testing.T) {
	for name, fault := range map[string]func(n *node){
		"killed": (*node).kill,
		"silent": func(n *node) { n.set(func(n *node) { n.silent = true }) },
		"slow":   func(n *node) { n.slow(300 * time.Millisecond) },
		"all slow": func(n *node) {
			n.slow(300 * time.Millisecond)
			n.set(func(n *node) { n.ping = 300 * time.Millisecond })
		},
		"no key":      func(n *node) { n.says(wire.NoKey) },
		"busy":        func(n *node) { n.says(wire.Busy) },
		"unavailable": func(n *node) { n.says(wire.Unavailable) },
		"wrong": func(n *node) {
			n.set(func(n *node) {
				n.answer = func(wire.Request) *wire.Answer { return &wire.Answer{Data: []byte("foreign")} }
			})
		},
	} {
		for _, callers := range []int{1, 8, 64} {
			t.Run(name, func(t *testing.T) {
				inBubble(t, two, func(t *testing.T, c *cluster, p *pool.Pool) {
					if name == "wrong" {
						fault(c.nodes["a"]) // before a signature of it was verified
					}
					load(t, p, callers, 5*time.Millisecond, time.Second)
					before := p.Stats()
					fault(c.nodes["a"])
					took := load(t, p, callers, 5*time.Millisecond, 4*time.Second)
					if w := worst(took); w > before.HedgeDelay+20*time.Millisecond {
						t.Errorf("%d callers: 99.9%% took up to %v of %d, the worst %v; the delay was %v; %+v", callers, w, len(took), took[len(took)-1], before.HedgeDelay, p.Stats())
					}
					if d := p.Stats().HedgeDelay; d > before.HedgeDelay {
						t.Errorf("the delay has become %v: the slow node puts off its own replacement", d)
					}
				})
			})
		}
	}
}

// The delay follows the node whose 95th percentile is least.
func TestDelay(t *testing.T) {
	for _, tt := range []struct{ a, b, least, most time.Duration }{
		{time.Millisecond, time.Millisecond, 5 * time.Millisecond, 5 * time.Millisecond},
		{30 * time.Millisecond, 30 * time.Millisecond, 60 * time.Millisecond, 70 * time.Millisecond},
		{100 * time.Millisecond, 10 * time.Millisecond, 20 * time.Millisecond, 24 * time.Millisecond},
	} {
		inBubble(t, two, func(t *testing.T, c *cluster, p *pool.Pool) {
			if d := p.Stats().HedgeDelay; d != 20*time.Millisecond {
				t.Errorf("%v before there are samples", d)
			}
			c.nodes["a"].slow(tt.a)
			c.nodes["b"].slow(tt.b)
			load(t, p, 64, 0, 3*time.Second)
			if d := p.Stats().HedgeDelay; d < tt.least || d > tt.most {
				t.Errorf("%v and %v: %v; %+v", tt.a, tt.b, d, p.Nodes())
			}
		})
	}
}

// While all is well, few requests are asked twice, whatever the shape of the latencies.
func TestFewHedges(t *testing.T) {
	for name, takes := range map[string]func() time.Duration{
		"fast":        func() time.Duration { return time.Duration(float64(time.Millisecond) * (1 + rand.ExpFloat64())) },
		"loaded":      func() time.Duration { return time.Duration(float64(10*time.Millisecond) * (1 + rand.NormFloat64()/4)) },
		"exponential": func() time.Duration { return time.Duration(float64(5*time.Millisecond) * rand.ExpFloat64()) },
		"slow key":    func() time.Duration { return 400*time.Millisecond + rand.N(50*time.Millisecond) },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, two, func(t *testing.T, c *cluster, p *pool.Pool) {
				for _, n := range c.nodes {
					n.set(func(n *node) { n.takes = takes })
				}
				load(t, p, 16, 0, 2*time.Second)
				before := p.Stats()
				load(t, p, 16, 0, 8*time.Second)
				s := p.Stats()
				more, asked := s.Hedges+s.Again-before.Hedges-before.Again, s.Requests-before.Requests
				if float64(more) > 0.01*float64(asked) {
					t.Errorf("%d of %d requests were asked again: %+v", more, asked, s)
				}
			})
		})
	}
}

// One request in twenty is asked again because it is late, if that helps, and one in a hundred if it does
// not, but for those of nodes with three late requests.
func TestBudget(t *testing.T) {
	inBubble(t, two, func(t *testing.T, c *cluster, p *pool.Pool) {
		load(t, p, 1, 0, time.Second)
		for _, n := range c.nodes {
			n.set(func(n *node) {
				n.takes = func() time.Duration {
					if rand.N(4) == 0 {
						return 100 * time.Millisecond
					}
					return time.Millisecond
				}
			})
		}
		before := p.Stats()
		load(t, p, 1, 0, 10*time.Second)
		s := p.Stats()
		hedges, asked := float64(s.Hedges-before.Hedges), float64(s.Requests-before.Requests)
		const burst = 50 // of those that help: each of the 10 in the budget gives 0.8 of the next
		if hedges > 0.05*asked+burst || hedges < 0.03*asked {
			t.Errorf("%v of %v requests were asked again: %+v", hedges, asked, s)
		}
	})
}

// The same where the first answer always comes first.
func TestBudgetInVain(t *testing.T) {
	inBubble(t, two, func(t *testing.T, c *cluster, p *pool.Pool) {
		load(t, p, 1, 0, time.Second)
		var mu sync.Mutex
		var busy time.Time // a request before then is asked for the second time
		takes := func() time.Duration {
			mu.Lock()
			defer mu.Unlock()
			d := time.Millisecond
			switch {
			case time.Now().Before(busy):
				return 50 * time.Millisecond
			case rand.N(25) == 0: // so the 95th percentile stays low
				d = 9 * time.Millisecond
			}
			busy = time.Now().Add(d)
			return d
		}
		for _, n := range c.nodes {
			n.set(func(n *node) { n.takes = takes })
		}
		before := p.Stats()
		load(t, p, 1, 0, 10*time.Second)
		s := p.Stats()
		hedges, asked := float64(s.Hedges-before.Hedges), float64(s.Requests-before.Requests)
		const burst = 10 + 2 // the budget, and two hedges that may have come first by chance
		if hedges > 0.01*asked+burst || hedges < 10 {
			t.Errorf("%v of %v requests were asked again: %+v", hedges, asked, s)
		}
	})
}

// If all nodes are late at once, nothing is asked again: more requests would not help.
func TestAllLate(t *testing.T) {
	inBubble(t, two, func(t *testing.T, c *cluster, p *pool.Pool) {
		load(t, p, 4, time.Millisecond, time.Second)
		for range 20 {
			time.Sleep(6 * time.Second) // until both have answered a ping
			end := time.Now().Add(100 * time.Millisecond)
			for _, n := range c.nodes {
				n.set(func(n *node) { n.takes = func() time.Duration { return time.Until(end) } })
			}
			var tasks []*task
			for range 4 {
				tasks = append(tasks, start(p))
			}
			for _, task := range tasks {
				if err := task.wait(t); err != nil {
					t.Error(err)
				}
			}
		}
		if s := p.Stats(); s.Hedges+s.Again > 0 {
			t.Errorf("%+v", s)
		}
	})
}

// A node that was slow is given requests again.
func TestRecovers(t *testing.T) {
	inBubble(t, two, func(t *testing.T, c *cluster, p *pool.Pool) {
		a := c.nodes["a"]
		a.slow(300 * time.Millisecond)
		load(t, p, 64, 0, 2*time.Second)
		a.slow(time.Millisecond)
		time.Sleep(time.Minute)
		before := a.got()
		if load(t, p, 8, 0, time.Second); a.got()-before < 1000 {
			t.Errorf("%d requests", a.got()-before)
		}
	})
}

// Requests that are asked of several nodes have a number in common, and others do not.
func TestHedgeNumbers(t *testing.T) {
	inBubble(t, two, func(t *testing.T, c *cluster, p *pool.Pool) {
		for _, n := range c.nodes {
			n.slow(100 * time.Millisecond)
		}
		for range 2 {
			if err := start(p).wait(t); err != nil {
				t.Error(err)
			}
			time.Sleep(6 * time.Second) // until both have answered a ping
		}
		numbers := make(map[uint64][]string)
		for _, n := range c.nodes {
			for _, q := range n.requests() {
				numbers[q.Hedge] = append(numbers[q.Hedge], string(q.Data))
			}
		}
		delete(numbers, 0)
		if len(numbers) != 2 {
			t.Errorf("%d numbers, want 2", len(numbers))
		}
		for _, data := range numbers {
			if len(data) != 2 || data[0] != data[1] {
				t.Errorf("one number for %q", data)
			}
		}
	})
}

// Three late requests suspend a node: it is pinged at once, gets nothing new until it answers, and
// what it has is asked elsewhere though the budget is spent.
func TestSuspended(t *testing.T) {
	inBubble(t, two, func(t *testing.T, c *cluster, p *pool.Pool) {
		a, b := c.nodes["a"], c.nodes["b"]
		b.kill()
		time.Sleep(time.Millisecond)
		a.set(func(n *node) { n.silent = true })
		var tasks []*task
		for range 3 {
			tasks = append(tasks, start(p))
		}
		b.restart()
		began, pings := time.Now(), len(a.pinged())
		time.Sleep(400 * time.Millisecond)
		for _, task := range tasks {
			if err := task.wait(t); err != nil {
				t.Error(err)
			}
			if task.took > 100*time.Millisecond {
				t.Errorf("took %v", task.took)
			}
		}
		if at := a.pinged(); len(at) <= pings || at[pings].Sub(began) > 100*time.Millisecond {
			t.Errorf("pings at %v, before: %d", at, pings)
		}
		if h := p.Nodes()[0]; !h.Suspended || h.Addr != "a" || !h.Up {
			t.Errorf("%+v", h)
		}
		before := a.got()
		b.slow(3 * time.Millisecond)
		tasks = nil
		for range 64 {
			tasks = append(tasks, start(p))
		}
		for _, task := range tasks {
			if err := task.wait(t); err != nil {
				t.Error(err)
			}
		}
		if n := a.got(); n != before {
			t.Errorf("the suspended node was given %d requests", n-before)
		}
		a.set(func(n *node) { n.silent = false }) // too late for the ping that was lost
		time.Sleep(2 * time.Second)
		if h := p.Nodes()[0]; h.Suspended || !h.Up || h.Lost != 1 {
			t.Errorf("%+v", h)
		}
	})
}

// A node that answers pings and no requests is given few, though it has answered none yet by which
// its latency would be known.
func TestLoadCounts(t *testing.T) {
	inBubble(t, two, func(t *testing.T, c *cluster, p *pool.Pool) {
		load(t, p, 8, time.Millisecond, time.Second)
		a := c.nodes["a"]
		a.slow(10 * time.Second)
		before := a.got()
		load(t, p, 8, time.Millisecond, 2*time.Second)
		if n := a.got() - before; n > 12 {
			t.Errorf("%d requests", n)
		}
	})
}

// A ping that is not answered within 500 ms ends the connection, and a new connection is not up before it has
// answered a ping: a stopped process accepts connections.
func TestWatch(t *testing.T) {
	inBubble(t, two, func(t *testing.T, c *cluster, p *pool.Pool) {
		a := c.nodes["a"]
		at := time.Now()
		a.set(func(n *node) { n.silent = true; n.pings = nil })
		for ; p.Nodes()[0].Up; time.Sleep(time.Millisecond) {
			start(p)
		}
		if d := time.Since(at); d < 500*time.Millisecond || d > 760*time.Millisecond {
			t.Errorf("a silent node was out after %v", d)
		}
		for range 100 {
			time.Sleep(100 * time.Millisecond)
			if p.Nodes()[0].Up {
				t.Fatal("a silent node is up")
			}
		}
		a.restart()
		time.Sleep(2 * time.Second)
		if !p.Nodes()[0].Up {
			t.Error("the node is not up again")
		}
	})
}

// A node that drains says so to pings, and is given nothing.
func TestDrains(t *testing.T) {
	inBubble(t, two, func(t *testing.T, c *cluster, p *pool.Pool) {
		a := c.nodes["a"]
		a.set(func(n *node) { n.drains = true })
		load(t, p, 4, time.Millisecond, time.Second)
		before := a.got()
		load(t, p, 4, time.Millisecond, time.Second)
		if n := a.got(); n != before || p.Nodes()[0].Up {
			t.Errorf("%d requests; %+v", n-before, p.Nodes()[0])
		}
		a.set(func(n *node) { n.drains = false })
		load(t, p, 4, time.Millisecond, time.Second)
		if n := a.got(); n == before || !p.Nodes()[0].Up {
			t.Errorf("%d requests; %+v", n-before, p.Nodes()[0])
		}
	})
}

// A node without requests is pinged every 5 s, one with requests every 250 ms.
func TestPings(t *testing.T) {
	inBubble(t, []string{"a"}, func(t *testing.T, c *cluster, p *pool.Pool) {
		a := c.nodes["a"]
		a.set(func(n *node) { n.pings = nil })
		time.Sleep(time.Minute)
		if n := len(a.pinged()); n != 11 && n != 12 {
			t.Errorf("%d pings a minute", n)
		}
		a.set(func(n *node) { n.pings = nil; n.takes = func() time.Duration { return 2 * time.Second } })
		if err := start(p, deadline(time.Minute)).wait(t); err != nil {
			t.Error(err)
		}
		if n := len(a.pinged()); n != 8 {
			t.Errorf("%d pings in 2 s", n)
		}
	})
}

func deadline(d time.Duration) func(*pool.Call, *task) {
	return func(c *pool.Call, t *task) { c.Deadline = t.start.Add(d) }
}

func wait(d time.Duration) func(*pool.Call, *task) {
	return func(c *pool.Call, t *task) { c.Wait = d }
}

func fallback(c *pool.Call, t *task) { c.Fallback = true }

// Both nodes restart under load: requests wait for them, and none fails.
func TestBothRestart(t *testing.T) {
	inBubble(t, two, func(t *testing.T, c *cluster, p *pool.Pool) {
		time.AfterFunc(time.Second, c.nodes["a"].kill)
		time.AfterFunc(time.Second, c.nodes["b"].kill)
		time.AfterFunc(1500*time.Millisecond, c.nodes["a"].restart)
		time.AfterFunc(1500*time.Millisecond, c.nodes["b"].restart)
		took := load(t, p, 8, time.Millisecond, 5*time.Second)
		if w := took[len(took)-1]; w < 500*time.Millisecond || w > 1500*time.Millisecond {
			t.Errorf("the longest request took %v", w)
		}
	})
}

// No node is up.
func TestAllAway(t *testing.T) {
	away := func(t *testing.T, p *pool.Pool, least, most time.Duration, change ...func(*pool.Call, *task)) {
		t.Helper()
		task := start(p, change...)
		err := task.wait(t)
		var u *pool.UnavailableError
		if !errors.As(err, &u) || task.took < least || task.took > most {
			t.Errorf("after %v: %v", task.took, err)
		}
	}
	t.Run("from the start", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := newCluster()
			p := c.pool("a", "b")
			defer p.Close()
			away(t, p, 0, 10*time.Millisecond, fallback) // as soon as that is known
			away(t, p, time.Second, time.Second, wait(time.Second), deadline(10*time.Second))
			// A little before the deadline, so that the caller learns why.
			away(t, p, 1980*time.Millisecond, 1980*time.Millisecond)
			away(t, p, 9*time.Millisecond, 9*time.Millisecond, deadline(10*time.Millisecond))
		})
	})
	t.Run("not known yet", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := newCluster(two...)
			p := c.pool(two...)
			defer p.Close()
			if err := start(p, fallback).wait(t); err != nil {
				t.Error(err)
			}
		})
	})
	t.Run("later", func(t *testing.T) {
		inBubble(t, two, func(t *testing.T, c *cluster, p *pool.Pool) {
			for _, n := range c.nodes {
				n.slow(time.Second)
			}
			waits, falls := start(p), start(p, fallback)
			for _, n := range c.nodes {
				n.kill()
			}
			var u *pool.UnavailableError
			if err := falls.wait(t); !errors.As(err, &u) || falls.took > time.Millisecond {
				t.Errorf("after %v: %v", falls.took, err)
			}
			if err := waits.wait(t); !errors.As(err, &u) || waits.took != 1980*time.Millisecond {
				t.Errorf("after %v: %v", waits.took, err)
			}
			away(t, p, 0, 0, fallback)
			for _, n := range c.nodes {
				n.restart()
			}
			if err := start(p).wait(t); err != nil {
				t.Error(err)
			}
		})
	})
	t.Run("silent", func(t *testing.T) {
		inBubble(t, two, func(t *testing.T, c *cluster, p *pool.Pool) {
			for _, n := range c.nodes {
				n.set(func(n *node) { n.silent = true })
			}
			task := start(p, deadline(300*time.Millisecond))
			if err := task.wait(t); !errors.Is(err, context.DeadlineExceeded) || task.took != 300*time.Millisecond {
				t.Errorf("after %v: %v", task.took, err)
			}
		})
	})
}

// Refusals that another node would give too end the call at once.
func TestRefused(t *testing.T) {
	for _, status := range []wire.Status{wire.Denied, wire.Bad, wire.Failed, 200} {
		inBubble(t, two, func(t *testing.T, c *cluster, p *pool.Pool) {
			for _, n := range c.nodes {
				n.says(status)
			}
			task := start(p)
			var r *pool.RefusedError
			if err := task.wait(t); !errors.As(err, &r) || r.Status != status || r.Text != "the node says so" || task.took > 5*time.Millisecond {
				t.Errorf("after %v: %v", task.took, err)
			}
			if n := c.nodes["a"].got() + c.nodes["b"].got(); n != 1 {
				t.Errorf("%v: %d requests", status, n)
			}
		})
	}
}

// When every node refuses, the call ends or is tried again.
func TestRefusedByAll(t *testing.T) {
	refuse := func(t *testing.T, a, b wire.Status, change ...func(*pool.Call, *task)) (took time.Duration, asked int, err error) {
		t.Helper()
		inBubble(t, two, func(t *testing.T, c *cluster, p *pool.Pool) {
			c.nodes["a"].says(a)
			c.nodes["b"].says(b)
			task := start(p, change...)
			err = task.wait(t)
			took, asked = task.took, c.nodes["a"].got()+c.nodes["b"].got()
		})
		return took, asked, err
	}
	var r *pool.RefusedError
	var u *pool.UnavailableError
	if took, asked, err := refuse(t, wire.NoKey, wire.NoKey); !errors.As(err, &r) || r.Status != wire.NoKey || took > 5*time.Millisecond || asked != 2 {
		t.Errorf("no key: after %v and %d requests: %v", took, asked, err)
	}
	for _, status := range []wire.Status{wire.Busy, wire.Unavailable} {
		if took, asked, err := refuse(t, status, wire.NoKey); !errors.As(err, &u) || took < 1980*time.Millisecond || took > 1982*time.Millisecond || asked < 10 || asked > 30 {
			t.Errorf("%v: after %v and %d requests: %v", status, took, asked, err)
		}
	}
	for status, want := range map[wire.Status]time.Duration{wire.Unavailable: time.Second, wire.Busy: 3980 * time.Millisecond} {
		if took, _, err := refuse(t, status, status, wait(time.Second), deadline(4*time.Second)); !errors.As(err, &u) || took < want || took > want+3*time.Millisecond {
			t.Errorf("%v: after %v: %v", status, took, err)
		}
	}
	if took, _, err := refuse(t, wire.Busy, wire.Busy, fallback); !errors.As(err, &u) || took < 1980*time.Millisecond || took > 1982*time.Millisecond {
		t.Errorf("busy, with a fallback: after %v: %v", took, err)
	}
	if took, asked, err := refuse(t, wire.Unavailable, wire.NoKey, fallback); !errors.As(err, &u) || took > 5*time.Millisecond || asked != 2 {
		t.Errorf("unavailable, with a fallback: after %v and %d requests: %v", took, asked, err)
	}
	for _, status := range []wire.Status{wire.Busy, wire.Unavailable} {
		inBubble(t, two, func(t *testing.T, c *cluster, p *pool.Pool) {
			for _, n := range c.nodes {
				n.says(status)
			}
			time.AfterFunc(300*time.Millisecond, func() {
				for _, n := range c.nodes {
					n.set(func(n *node) { n.answer = nil })
				}
			})
			if err := start(p, wait(time.Second)).wait(t); err != nil {
				t.Error(err)
			}
		})
	}
}

// A node that refuses is asked again, but for a while only what no other node can do.
func TestRests(t *testing.T) {
	for status, pause := range map[wire.Status]time.Duration{
		wire.Busy: 20 * time.Millisecond, wire.Unavailable: 250 * time.Millisecond, wire.NoKey: 250 * time.Millisecond,
	} {
		inBubble(t, two, func(t *testing.T, c *cluster, p *pool.Pool) {
			a := c.nodes["a"]
			a.says(status)
			const d = 10 * time.Second
			load(t, p, 1, time.Millisecond, d)
			if n := time.Duration(a.got()); n > d/pause+1 || n < d/pause/4 {
				t.Errorf("%v: asked %d times in %v", status, n, d)
			}
			c.nodes["b"].kill()
			a.set(func(n *node) { n.answer = nil })
			if err := start(p).wait(t); err != nil {
				t.Error(err)
			}
		})
	}
}

// The first signature of a key from each connection is checked, and later ones are not. A node whose
// signature is wrong is not asked for the key again on this connection, but for others.
func TestChecks(t *testing.T) {
	inBubble(t, []string{"a"}, func(t *testing.T, c *cluster, p *pool.Pool) {
		other := func(c *pool.Call, t *task) { c.Request.Key = wire.KeyID{2} }
		list := func(c *pool.Call, t *task) { c.Request.Op, c.Request.Key = wire.OpList, wire.KeyID{} }
		checks := func(want int, change ...func(*pool.Call, *task)) {
			t.Helper()
			task := start(p, change...)
			if err := task.wait(t); err != nil || task.checks != want {
				t.Errorf("%d checks, want %d; error %v", task.checks, want, err)
			}
		}
		checks(1)
		checks(0)
		checks(1, other)
		checks(1, list)
		checks(1, list)
		a := c.nodes["a"]
		a.kill()
		a.restart()
		a.set(func(n *node) {
			n.answer = func(q wire.Request) *wire.Answer {
				if q.Key == key {
					return &wire.Answer{Data: []byte("foreign")}
				}
				return nil
			}
		})
		var u *pool.UnavailableError
		for range 3 {
			if err := start(p).wait(t); !errors.As(err, &u) {
				t.Error(err)
			}
		}
		if n := p.Nodes()[0].Wrong; n != 1 {
			t.Errorf("%d wrong signatures, want 1", n)
		}
		checks(1, other)
		a.set(func(n *node) { n.answer = nil })
		a.kill()
		a.restart()
		synctest.Wait() // until the pool has seen that
		checks(1)
	})
}

// A call that is over is not done before its checks are, and its answer is one that was checked.
func TestDeadlineWhileChecking(t *testing.T) {
	inBubble(t, []string{"a"}, func(t *testing.T, c *cluster, p *pool.Pool) {
		task := start(p, deadline(10*time.Millisecond), func(c *pool.Call, t *task) {
			t.check = func([]byte) wire.Status { time.Sleep(50 * time.Millisecond); return wire.OK }
		})
		if err := task.wait(t); !errors.Is(err, context.DeadlineExceeded) || task.took != 51*time.Millisecond {
			t.Errorf("after %v: %v", task.took, err)
		}
	})
}

// An answer that was checked is given when the check of the other node's answer has ended, too.
func TestTwoChecks(t *testing.T) {
	inBubble(t, two, func(t *testing.T, c *cluster, p *pool.Pool) {
		c.nodes["a"].slow(30 * time.Millisecond)
		c.nodes["b"].slow(30 * time.Millisecond)
		var mu sync.Mutex
		checks := 0
		task := start(p, func(c *pool.Call, task *task) {
			task.check = func([]byte) wire.Status {
				mu.Lock()
				checks++
				first := checks == 1
				mu.Unlock()
				if first { // the second begins 20 ms later, and ends later
					time.Sleep(25 * time.Millisecond)
					return wire.OK
				}
				time.Sleep(50 * time.Millisecond)
				return wire.Failed
			}
		})
		if err := task.wait(t); err != nil || checks != 2 {
			t.Errorf("%d checks: %v", checks, err)
		}
	})
}

// The deadline travels as a duration, and a node never has more requests than it allows.
func TestTimeoutAndLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster("a")
		c.nodes["a"].limit = 3
		c.nodes["a"].slow(100 * time.Millisecond)
		p := c.pool("a")
		defer p.Close()
		var tasks []*task
		for range 12 {
			tasks = append(tasks, start(p))
		}
		for i, task := range tasks {
			if err := task.wait(t); err != nil || task.took < time.Duration(i/3+1)*100*time.Millisecond {
				t.Errorf("%d: after %v: %v", i, task.took, err)
			}
		}
		for i, q := range c.nodes["a"].requests() {
			want := 2*time.Second - time.Duration(i/3)*100*time.Millisecond
			if q.Timeout > want || q.Timeout < want-2*time.Millisecond {
				t.Errorf("%d: the timeout is %v, want %v", i, q.Timeout, want)
			}
		}
	})
}

// An abandoned call is not asked again.
func TestAbandoned(t *testing.T) {
	inBubble(t, two, func(t *testing.T, c *cluster, p *pool.Pool) {
		gone := func(c *pool.Call, t *task) { t.abandoned = true }
		if err := start(p, gone).wait(t); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		if n := c.nodes["a"].got() + c.nodes["b"].got(); n != 0 {
			t.Errorf("%d requests", n)
		}
	})
}

// The addresses of a name change, and the name stops resolving.
func TestLookups(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster("1", "2", "3")
		resolve := func(err error, addrs ...string) {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.names["fleet"], c.broken = addrs, err
		}
		resolve(nil, "1", "2")
		p := c.pool("fleet")
		defer p.Close()
		up := func() (addrs []string) {
			for _, h := range p.Nodes() {
				if h.Up {
					addrs = append(addrs, h.Addr)
				}
			}
			return addrs
		}
		use := func() { load(t, p, 2, 20*time.Millisecond, 6*time.Second) }
		use()
		if got := up(); !slices.Equal(got, []string{"1", "2"}) {
			t.Errorf("%q are up", got)
		}
		c.nodes["1"].slow(100 * time.Millisecond) // requests are under way when the address goes
		resolve(nil, "2", "3")
		use()
		if got := up(); !slices.Equal(got, []string{"2", "3"}) {
			t.Errorf("%q are up", got)
		}
		resolve(errors.New("no such host"))
		use()
		resolve(nil) // no address
		use()
		if got := up(); !slices.Equal(got, []string{"2", "3"}) {
			t.Errorf("%q are up", got)
		}
		c.nodes["1"].set(func(n *node) {
			if len(n.conns) != 0 {
				t.Errorf("%d connections to an address that is gone", len(n.conns))
			}
		})
		// Without requests and failures nothing is looked up.
		resolve(nil, "2", "3")
		use()
		time.Sleep(10 * time.Second)
		_, before := c.count()
		time.Sleep(time.Hour)
		if _, n := c.count(); n != before {
			t.Errorf("%d look-ups in an idle hour", n-before)
		}
		// A failure is a reason to look up.
		resolve(nil, "1", "3")
		c.nodes["2"].kill()
		time.Sleep(time.Second)
		if got := up(); !slices.Equal(got, []string{"1", "3"}) {
			t.Errorf("%q are up", got)
		}
	})
}

// A name with thousands of addresses costs a bounded number of connections.
func TestManyAddresses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var addrs []string
		for i := range 5000 {
			addrs = append(addrs, fmt.Sprintf("%04d", i))
		}
		c := newCluster(addrs[:100]...)
		c.names["fleet"] = addrs
		p := c.pool("fleet")
		defer p.Close()
		used := func(want []string) {
			t.Helper()
			for range 2 {
				if err := start(p).wait(t); err != nil { // which has the name looked up
					t.Error(err)
				}
				time.Sleep(6 * time.Second)
			}
			var got []string
			for _, h := range p.Nodes() {
				if got = append(got, h.Addr); !h.Up {
					t.Errorf("%+v", h)
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("%q are used, want %q", got, want)
			}
		}
		used(addrs[:64])
		if dials, _ := c.count(); dials != 64 {
			t.Errorf("%d connections", dials)
		}
		c.mu.Lock()
		c.names["fleet"] = addrs[10:]
		c.mu.Unlock()
		used(addrs[10:74])
	})
}

// An address that is no longer a node's answers what it has, and is then let go.
func TestLastAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster("1", "2")
		c.names["fleet"] = []string{"1"}
		p := c.pool("fleet")
		defer p.Close()
		one := c.nodes["1"]
		one.slow(10 * time.Second)
		slow := start(p, deadline(time.Minute))
		time.Sleep(time.Second)
		c.mu.Lock()
		c.names["fleet"] = []string{"2"}
		c.mu.Unlock()
		time.Sleep(5 * time.Second)
		start(p, deadline(time.Minute)) // has the name looked up
		time.Sleep(time.Second)
		if err := start(p).wait(t); err != nil {
			t.Error(err)
		}
		if err := slow.wait(t); err != nil || one.got() != 2 {
			t.Errorf("%d requests, %v", one.got(), err)
		}
		time.Sleep(time.Minute)
		one.set(func(n *node) {
			if len(n.conns) != 0 {
				t.Error("the connection is still there")
			}
		})
	})
}

// A node that is restarted again and again is connected at once each time.
func TestRestarts(t *testing.T) {
	inBubble(t, []string{"a"}, func(t *testing.T, c *cluster, p *pool.Pool) {
		a := c.nodes["a"]
		for range 20 {
			a.kill()
			a.restart()
			task := start(p)
			if err := task.wait(t); err != nil || task.took > 50*time.Millisecond {
				t.Errorf("after %v: %v", task.took, err)
			}
			time.Sleep(200 * time.Millisecond)
		}
	})
}

// Reconnects become rarer while a node is away, but there is always one within a second.
func TestBackoff(t *testing.T) {
	inBubble(t, []string{"a"}, func(t *testing.T, c *cluster, p *pool.Pool) {
		c.nodes["a"].kill()
		time.Sleep(time.Minute)
		if n, _ := c.count(); n < 60 || n > 90 {
			t.Errorf("%d attempts in a minute", n)
		}
	})
}

// Close ends calls and connections at any moment, and refuses to wait for its own caller.
func TestClose(t *testing.T) {
	inBubble(t, two, func(t *testing.T, c *cluster, p *pool.Pool) {
		for _, n := range c.nodes {
			n.slow(time.Hour)
		}
		var tasks []*task
		for range 10 {
			tasks = append(tasks, start(p, deadline(time.Hour)))
		}
		time.Sleep(time.Second)
		if err := p.Close(); err != nil {
			t.Error(err)
		}
		for _, task := range append(tasks, start(p)) {
			if err := task.wait(t); !errors.Is(err, pool.ErrClosed) {
				t.Error(err)
			}
		}
		if s := p.Stats(); s.Closed != 11 || s.InFlight != 0 {
			t.Errorf("%+v", s)
		}
	})
	inBubble(t, two, func(t *testing.T, c *cluster, p *pool.Pool) {
		result := make(chan error, 1)
		p.Do(&pool.Call{Request: wire.Request{Op: wire.OpSign, Key: key}, Deadline: time.Now().Add(time.Second), Task: closer{p, result}})
		if err := <-result; err == nil {
			t.Error("Close in a callback waited for itself")
		}
	})
}

// closer closes a pool in its callback.
type closer struct {
	p      *pool.Pool
	result chan error
}

func (c closer) Abandoned() bool          { return false }
func (c closer) Check([]byte) wire.Status { return wire.OK }
func (c closer) Done([]byte, error)       { c.result <- c.p.Close() }

// Only asks one address, and fails where that cannot answer.
func TestOnly(t *testing.T) {
	inBubble(t, two, func(t *testing.T, c *cluster, p *pool.Pool) {
		only := func(c *pool.Call, t *task) { c.Only = "a" }
		for range 10 {
			if err := start(p, only).wait(t); err != nil {
				t.Error(err)
			}
		}
		c.nodes["a"].slow(time.Second)
		lost := start(p, only)
		time.Sleep(100 * time.Millisecond)
		c.nodes["a"].kill()
		var u *pool.UnavailableError
		for _, task := range []*task{lost, start(p, only)} {
			if err := task.wait(t); !errors.As(err, &u) || task.took > 100*time.Millisecond {
				t.Errorf("after %v: %v", task.took, err)
			}
		}
		if n := c.nodes["b"].got(); n != 0 {
			t.Errorf("the other node got %d requests", n)
		}
	})
}

// Whatever happens, each call ends once, with the right answer or an error, and within its deadline.
func TestExactlyOnce(t *testing.T) {
	for range 8 {
		synctest.Test(t, func(t *testing.T) {
			nodes := []string{"a", "b", "c"}
			c := newCluster(nodes...)
			for _, n := range c.nodes {
				n.limit = 1 + rand.N(20)
				n.takes = func() time.Duration { return rand.N(40 * time.Millisecond) }
				n.answer = func(wire.Request) *wire.Answer {
					switch rand.N(20) {
					case 0:
						return &wire.Answer{Status: wire.Status(rand.N(9))}
					case 1:
						return &wire.Answer{Data: []byte("foreign")}
					}
					return nil
				}
			}
			p := pool.New(pool.Config{Nodes: nodes, Dial: c.Dial, Lookup: c.Lookup, VerifyAll: true, Logger: slog.New(slog.DiscardHandler)})
			stop := make(chan struct{})
			var wg sync.WaitGroup
			wg.Go(func() {
				for {
					select {
					case <-stop:
						return
					case <-time.After(rand.N(50 * time.Millisecond)):
					}
					n := c.nodes[nodes[rand.N(3)]]
					switch rand.N(5) {
					case 0:
						n.kill()
					case 1:
						n.set(func(n *node) { n.silent = true })
					case 2:
						n.slow(300 * time.Millisecond)
					default:
						n.restart()
						n.set(func(n *node) { n.takes = func() time.Duration { return rand.N(10 * time.Millisecond) } })
					}
				}
			})
			var tasks []*task
			for range 2000 {
				tasks = append(tasks, start(p, deadline(rand.N(time.Second)), wait(rand.N(time.Second)), func(c *pool.Call, t *task) {
					c.Fallback = rand.N(4) == 0
					c.Request.Key = wire.KeyID{byte(rand.N(3))}
				}))
				time.Sleep(rand.N(2 * time.Millisecond))
			}
			if rand.N(2) == 0 {
				p.Close()
			}
			for _, task := range tasks {
				if task.wait(t); task.took > time.Second {
					t.Errorf("took %v", task.took)
				}
			}
			close(stop)
			wg.Wait()
			p.Close()
			s := p.Stats()
			if sum := s.OK + s.NoKey + s.Denied + s.Bad + s.Failed + s.Expired + s.Unavailable + s.Abandoned + s.Closed; sum != s.Requests || s.OK == 0 {
				t.Errorf("%d calls ended: %+v", sum, s)
			}
		})
	}
}
