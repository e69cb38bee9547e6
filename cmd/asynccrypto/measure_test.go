package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"asynccrypto/async"
	"asynccrypto/engine"
)

// pairs is an engine that takes up to two operations at a time, so that batches have sizes.
func pairs(t *testing.T) *engine.Engine {
	e, err := engine.New(engine.Config{Name: "pairs", MaxBatch: 2, Workers: 1, Handler: func(batch []*engine.Request) {
		for _, r := range batch {
			r.Run()
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e
}

// numbering is an operation whose result is its input's number. It wants each number once.
func numbering(t *testing.T) *operation {
	var mu sync.Mutex
	used := map[uint64]bool{}
	do := func(n uint64) ([]byte, error) {
		mu.Lock()
		defer mu.Unlock()
		if used[n] {
			t.Errorf("input %d is used twice", n)
		}
		used[n] = true
		return number(n), nil
	}
	return &operation{
		algorithm: "numbers", name: "sign", direct: do, verify: isNumber,
		bind: func(e *engine.Engine) (jobOperation, error) {
			return func(ctx context.Context, n uint64) (result []byte, err error) {
				err = e.Do(ctx, engine.Func(func() (err error) { result, err = do(n); return err }))
				return result, err
			}, nil
		},
	}
}

func testGroup(t *testing.T, op *operation, e *engine.Engine, jobs ...int) []*series {
	ids := 0
	group := []*series{directSeries(op, &ids)}
	for _, n := range jobs {
		s, err := jobSeries(op, e, n, &ids)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.close() })
		group = append(group, s)
	}
	return group
}

func TestMeasureCountsWhatWasDone(t *testing.T) {
	e := pairs(t)
	group := testGroup(t, numbering(t), e, 1, 8)
	if err := measureRounds(group, 2*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	through := uint64(0)
	for _, s := range group {
		if s.done() == 0 || s.perSecond() <= 0 || s.latency(0.5) < 0 || s.latency(0.99) < s.latency(0.5) {
			t.Errorf("%v: %d done, %v/s, %v, %v", s, s.done(), s.perSecond(), s.latency(0.5), s.latency(0.99))
		}
		if s.verified == 0 || uint64(s.verified) > s.done() {
			t.Errorf("%v: %d verified of %d", s, s.verified, s.done())
		}
		if s.meanBatch() < 1 || s.meanBatch() > 2 {
			t.Errorf("%v: mean batch %v", s, s.meanBatch())
		}
		if s.jobs > 0 {
			through += s.done()
		}
	}
	if group[1].meanBatch() != 1 {
		t.Errorf("one job alone made batches of %v", group[1].meanBatch())
	}
	if got := e.Stats().Completed; got != through {
		t.Errorf("the engine completed %d, %d were counted", got, through)
	}

	var b bytes.Buffer
	r := report{kind: &engineKind{name: "pairs", gain: func() string { return "takes two" }}, groups: [][]*series{group}}
	if err := r.writeJSON(&b); err != nil {
		t.Fatal(err)
	}
	var rows []jsonSeries
	d := json.NewDecoder(&b)
	d.DisallowUnknownFields()
	if err := d.Decode(&rows); err != nil {
		t.Fatal(err)
	}
	for i, want := range []struct {
		engine string
		jobs   int
	}{{"std", 0}, {"pairs", 1}, {"pairs", 8}} {
		if g := rows[i]; g.Engine != want.engine || g.AsyncJobs != want.jobs || g.Algorithm != "numbers" || g.Operation != "sign" ||
			g.Cores < 1 || g.OpsPerSec <= 0 || g.P50 < 0 || g.P99 < g.P50 || g.MeanBatch < 1 {
			t.Errorf("row %d: %+v", i, g)
		}
	}
	if err := r.writeText(&b); err != nil || !strings.Contains(b.String(), "\nnumbers ") {
		t.Errorf("%v, %s", err, b.String())
	}
}

func TestMeasureReportsWrongResults(t *testing.T) {
	op := numbering(t)
	op.verify = func(uint64, []byte) error { return errors.New("forged") }
	err := measureRounds(testGroup(t, op, pairs(t), 2), time.Millisecond)
	if err == nil || !strings.Contains(err.Error(), "verified results are wrong: forged") {
		t.Errorf("%v", err)
	}
	var stderr bytes.Buffer
	if status := fail(stdio{nil, &stderr}, "asynccrypto speed", err); status != exitFailure {
		t.Errorf("exit status %d", status)
	}
}

func TestMeasureReportsFailures(t *testing.T) {
	op := numbering(t)
	op.bind = func(*engine.Engine) (jobOperation, error) {
		return func(context.Context, uint64) ([]byte, error) { return nil, errors.New("no such luck") }, nil
	}
	err := measureRounds(testGroup(t, op, pairs(t), 2), time.Millisecond)
	if err == nil || err.Error() != "numbers sign, 2 jobs: no such luck" {
		t.Errorf("%v", err)
	}
}

// The runner starts more jobs than there are slots, some of which pause more than once, end at once, fail or panic.
func TestRunner(t *testing.T) {
	e := pairs(t)
	r, err := newRunner(3)
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
	const all = 100
	next, ended, failed := 0, 0, 0
	var inFlight, most int
	r.run(func(i int) async.Func {
		if next == all {
			return nil
		}
		n := next
		next++
		inFlight++
		most = max(most, inFlight)
		return func(j async.Job) error {
			for range n % 4 {
				if err := e.Do(async.NewContext(t.Context(), j), engine.Func(func() error { return nil })); err != nil {
					return err
				}
			}
			switch n % 10 {
			case 3:
				return errors.New("third")
			case 5:
				panic("fifth")
			}
			return nil
		}
	}, func(i int, err error) {
		inFlight--
		ended++
		if err != nil {
			failed++
		}
	})
	if ended != all || failed != 2*all/10 || inFlight != 0 || most != 3 {
		t.Errorf("%d ended, %d failed, %d in flight, at most %d", ended, failed, inFlight, most)
	}
}

// Each operation does what it says, directly and through an engine, and does not accept another's result.
func TestOperations(t *testing.T) {
	e := pairs(t)
	for name, text := range testKeys() {
		if !strings.HasSuffix(name, ".pem") || name == "public.pem" {
			continue
		}
		key, err := parseKey(text)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		ops, err := operationsOf(key)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, op := range ops {
			through, err := op.bind(e)
			if err != nil {
				t.Fatal(err)
			}
			for way, do := range map[string]jobOperation{
				"directly":          func(_ context.Context, n uint64) ([]byte, error) { return op.direct(n) },
				"through an engine": through,
			} {
				result, err := do(t.Context(), 1<<40+3)
				if err != nil {
					t.Errorf("%s %s, %s: %v", op.algorithm, op.name, way, err)
					continue
				}
				if err := op.verify(1<<40+3, result); err != nil {
					t.Errorf("%s %s, %s: %v", op.algorithm, op.name, way, err)
				}
				if err := op.verify(1<<40+4, result); err == nil {
					t.Errorf("%s %s, %s: accepted for another input", op.algorithm, op.name, way)
				}
			}
		}
	}
}
