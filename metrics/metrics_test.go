package metrics_test

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/common/expfmt"

	"asynccrypto/async"
	"asynccrypto/asynctls/tlsserver"
	"asynccrypto/engine"
	"asynccrypto/engine/fallback"
	"asynccrypto/engine/pkcs11"
	"asynccrypto/metrics"
	"asynccrypto/metrics/internal/collecttest"
)

// newEngine returns an engine with one worker, which takes a second for each batch.
func newEngine(t *testing.T, c engine.Config) *engine.Engine {
	t.Helper()
	c.Name, c.Workers = "test", 1
	c.Handler = func(batch []*engine.Request) {
		time.Sleep(time.Second)
		for _, r := range batch {
			r.Run()
		}
	}
	e, err := engine.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e
}

func newPool(t *testing.T, max int) *async.Pool {
	t.Helper()
	p, err := async.NewPool(max, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// compare checks the metrics with these names.
func compare(t *testing.T, c *metrics.Collector, want string, names ...string) {
	t.Helper()
	if err := testutil.CollectAndCompare(c, strings.NewReader(want), names...); err != nil {
		t.Error(err)
	}
}

func TestEngine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEngine(t, engine.Config{MaxBatch: 2, Depth: 4, Kind: func(engine.Op) int { return 1 }, Kinds: []string{"alone", "sign"}, Figures: func(s *engine.Stats) { s.Vectorized, s.Recomputed = 7, 1 }})
		c := metrics.New()
		must(t, c.AddEngine("signatures", e))
		failure := errors.New("failed")
		do := func(err error) {
			go e.Do(context.Background(), engine.Func(func() error { return err }))
			synctest.Wait()
		}
		do(nil)
		for range 4 {
			do(failure)
		}
		compare(t, c, `
# HELP asynccrypto_engine_operations_in_flight Operations that are running.
# TYPE asynccrypto_engine_operations_in_flight gauge
asynccrypto_engine_operations_in_flight{engine="signatures"} 1
# HELP asynccrypto_engine_operations_queued Operations waiting for a worker.
# TYPE asynccrypto_engine_operations_queued gauge
asynccrypto_engine_operations_queued{engine="signatures"} 3
# HELP asynccrypto_engine_operations_waiting Operations waiting for room, because the engine is full.
# TYPE asynccrypto_engine_operations_waiting gauge
asynccrypto_engine_operations_waiting{engine="signatures"} 1
`, "asynccrypto_engine_operations_in_flight", "asynccrypto_engine_operations_queued", "asynccrypto_engine_operations_waiting")
		time.Sleep(time.Minute) // 1 s for the first, 2 for the next two, 3 for the others
		ctx, cancel := context.WithCancel(context.Background())
		pool := newPool(t, 0)
		job, out, err := pool.Start(nil, func(j async.Job) error {
			return e.Do(async.NewContext(ctx, j), engine.Func(func() error { return nil }))
		})
		if out != async.Paused {
			t.Fatal(out, err)
		}
		synctest.Wait() // the worker has it, or it might be dropped before it has begun
		must(t, job.Cancel())
		time.Sleep(time.Minute)
		cancel()
		compare(t, c, `
# HELP asynccrypto_engine_batch_size Operations begun together.
# TYPE asynccrypto_engine_batch_size histogram
asynccrypto_engine_batch_size_bucket{engine="signatures",le="1"} 2
asynccrypto_engine_batch_size_bucket{engine="signatures",le="2"} 4
asynccrypto_engine_batch_size_bucket{engine="signatures",le="+Inf"} 4
asynccrypto_engine_batch_size_sum{engine="signatures"} 6
asynccrypto_engine_batch_size_count{engine="signatures"} 4
# HELP asynccrypto_engine_eagain_total Operations that found the engine full.
# TYPE asynccrypto_engine_eagain_total counter
asynccrypto_engine_eagain_total{engine="signatures"} 1
# HELP asynccrypto_engine_faults_caught_total Results that failed their check and were computed again; should stay 0.
# TYPE asynccrypto_engine_faults_caught_total counter
asynccrypto_engine_faults_caught_total{engine="signatures"} 1
# HELP asynccrypto_engine_kind_batches_total Batches that have begun, by the kind of their operations.
# TYPE asynccrypto_engine_kind_batches_total counter
asynccrypto_engine_kind_batches_total{engine="signatures",kind="alone"} 0
asynccrypto_engine_kind_batches_total{engine="signatures",kind="sign"} 4
# HELP asynccrypto_engine_kind_operations_total Operations that have begun, by kind.
# TYPE asynccrypto_engine_kind_operations_total counter
asynccrypto_engine_kind_operations_total{engine="signatures",kind="alone"} 0
asynccrypto_engine_kind_operations_total{engine="signatures",kind="sign"} 6
# HELP asynccrypto_engine_operation_duration_seconds Time from the call to the answer of operations that were completed or failed.
# TYPE asynccrypto_engine_operation_duration_seconds histogram
asynccrypto_engine_operation_duration_seconds_bucket{engine="signatures",le="8e-06"} 0
`+durations()+`
asynccrypto_engine_operation_duration_seconds_sum{engine="signatures"} 11
asynccrypto_engine_operation_duration_seconds_count{engine="signatures"} 5
# HELP asynccrypto_engine_operations_total Operations that have ended, by outcome.
# TYPE asynccrypto_engine_operations_total counter
asynccrypto_engine_operations_total{engine="signatures",outcome="completed"} 1
asynccrypto_engine_operations_total{engine="signatures",outcome="dropped"} 1
asynccrypto_engine_operations_total{engine="signatures",outcome="failed"} 4
# HELP asynccrypto_engine_vectorized_total Operations computed by the method for several at a time.
# TYPE asynccrypto_engine_vectorized_total counter
asynccrypto_engine_vectorized_total{engine="signatures"} 7
`, "asynccrypto_engine_batch_size", "asynccrypto_engine_eagain_total", "asynccrypto_engine_faults_caught_total",
			"asynccrypto_engine_kind_batches_total", "asynccrypto_engine_kind_operations_total",
			"asynccrypto_engine_operation_duration_seconds", "asynccrypto_engine_operations_total", "asynccrypto_engine_vectorized_total")
	})
}

// durations are the buckets above the first for one operation of 1 s, two of 2 s and two of 3 s.
func durations() string {
	var b strings.Builder
	for _, bucket := range strings.Fields(`1.6e-05:0 3.2e-05:0 6.4e-05:0 0.000128:0 0.000256:0 0.000512:0 0.001024:0
		0.002048:0 0.004096:0 0.008192:0 0.016384:0 0.032768:0 0.065536:0 0.131072:0 0.262144:0 0.524288:0 1.048576:1
		2.097152:3 4.194304:5 8.388608:5 16.777216:5 33.554432:5 67.108864:5 +Inf:5`) {
		le, n, _ := strings.Cut(bucket, ":")
		b.WriteString(`asynccrypto_engine_operation_duration_seconds_bucket{engine="signatures",le="` + le + `"} ` + n + "\n")
	}
	return b.String()
}

// Large batches share buckets.
func TestBatchBuckets(t *testing.T) {
	for max, want := range map[int]string{1: "1", 8: "1 2 3 4 5 6 7 8", 9: "1 2 3 4 5 6 7 8 16", 40: "1 2 3 4 5 6 7 8 16 32 64", 64: "1 2 3 4 5 6 7 8 16 32 64"} {
		c := metrics.New()
		must(t, c.AddEngine("e", newEngine(t, engine.Config{MaxBatch: max})))
		var got []string
		text, err := testutil.CollectAndFormat(c, expfmt.TypeTextPlain, "asynccrypto_engine_batch_size")
		must(t, err)
		for _, m := range regexp.MustCompile(`le="(\d+)"`).FindAllStringSubmatch(string(text), -1) {
			got = append(got, m[1])
		}
		if g := strings.Join(got, " "); g != want {
			t.Errorf("MaxBatch %d: %s, want %s", max, g, want)
		}
	}
}

func TestPool(t *testing.T) {
	limited, unlimited := newPool(t, 2), newPool(t, 0)
	c := metrics.New()
	must(t, c.AddPool("handshakes", limited))
	must(t, c.AddPool("others", unlimited))
	limited.Start(nil, func(async.Job) error { return errors.New("ended") })
	limited.Start(nil, func(j async.Job) error { return j.Pause() })
	limited.Start(nil, func(async.Job) error {
		limited.Notify(func(any) {}, nil)
		compare(t, c, `
# HELP asynccrypto_pool_coroutines Coroutines made and kept.
# TYPE asynccrypto_pool_coroutines gauge
asynccrypto_pool_coroutines{pool="handshakes"} 2
asynccrypto_pool_coroutines{pool="others"} 0
# HELP asynccrypto_pool_jobs Jobs, by state.
# TYPE asynccrypto_pool_jobs gauge
asynccrypto_pool_jobs{pool="handshakes",state="paused"} 1
asynccrypto_pool_jobs{pool="handshakes",state="running"} 1
asynccrypto_pool_jobs{pool="others",state="paused"} 0
asynccrypto_pool_jobs{pool="others",state="running"} 0
# HELP asynccrypto_pool_jobs_ended_total Jobs that have ended.
# TYPE asynccrypto_pool_jobs_ended_total counter
asynccrypto_pool_jobs_ended_total{pool="handshakes"} 1
asynccrypto_pool_jobs_ended_total{pool="others"} 0
# HELP asynccrypto_pool_limit The most jobs at once, +Inf if there is no limit.
# TYPE asynccrypto_pool_limit gauge
asynccrypto_pool_limit{pool="handshakes"} 2
asynccrypto_pool_limit{pool="others"} +Inf
# HELP asynccrypto_pool_waiting Callers in line for a place in the pool.
# TYPE asynccrypto_pool_waiting gauge
asynccrypto_pool_waiting{pool="handshakes"} 1
asynccrypto_pool_waiting{pool="others"} 0
`)
		return nil
	})
}

// figures is a server with these statistics.
type figures tlsserver.Stats

func (f figures) Stats() tlsserver.Stats { return tlsserver.Stats(f) }

func TestServer(t *testing.T) {
	c := metrics.New()
	must(t, c.AddServer("https", figures{Accepted: 1, Handshakes: 2, Resumed: 3, Failed: 4, TimedOut: 5, Canceled: 6, Handshaking: 7, Open: 8,
		Running: 9, Paused: 10, InLine: 11}))
	compare(t, c, `
# HELP asynccrypto_server_connections Connections, by state.
# TYPE asynccrypto_server_connections gauge
asynccrypto_server_connections{server="https",state="handshaking"} 7
asynccrypto_server_connections{server="https",state="open"} 8
# HELP asynccrypto_server_connections_accepted_total Connections accepted.
# TYPE asynccrypto_server_connections_accepted_total counter
asynccrypto_server_connections_accepted_total{server="https"} 1
# HELP asynccrypto_server_handshakes_resumed_total Handshakes completed with a session ticket.
# TYPE asynccrypto_server_handshakes_resumed_total counter
asynccrypto_server_handshakes_resumed_total{server="https"} 3
# HELP asynccrypto_server_handshakes_total Handshakes that have ended, by outcome.
# TYPE asynccrypto_server_handshakes_total counter
asynccrypto_server_handshakes_total{outcome="canceled",server="https"} 6
asynccrypto_server_handshakes_total{outcome="completed",server="https"} 2
asynccrypto_server_handshakes_total{outcome="failed",server="https"} 4
asynccrypto_server_handshakes_total{outcome="timed_out",server="https"} 5
# HELP asynccrypto_server_handshakes_waiting Handshakes in line, because the limit of those under way is reached.
# TYPE asynccrypto_server_handshakes_waiting gauge
asynccrypto_server_handshakes_waiting{server="https"} 11
# HELP asynccrypto_server_jobs Jobs of handshakes, by state.
# TYPE asynccrypto_server_jobs gauge
asynccrypto_server_jobs{server="https",state="paused"} 10
asynccrypto_server_jobs{server="https",state="running"} 9
`)
	c.RemoveServer("https")
	if n := testutil.CollectAndCount(c); n != 0 {
		t.Errorf("%d metrics of a server that was removed", n)
	}
}

// health is a token with this state.
type health pkcs11.Health

func (h health) Health() pkcs11.Health { return pkcs11.Health(h) }

func TestToken(t *testing.T) {
	c := metrics.New()
	must(t, c.AddToken("hsm", health{Up: true, LastError: errors.New("gone"), Sessions: 1, InFlight: 2, Hung: 3, Reconnects: 4, PINsRefused: 5, Ended: 6}))
	must(t, c.AddToken("spare", health{}))
	compare(t, c, `
# HELP asynccrypto_token_connections_ended_total Connections that ended by themselves: the helper or the server has died.
# TYPE asynccrypto_token_connections_ended_total counter
asynccrypto_token_connections_ended_total{token="hsm"} 6
asynccrypto_token_connections_ended_total{token="spare"} 0
# HELP asynccrypto_token_hung_total Calls of the module that did not end in time.
# TYPE asynccrypto_token_hung_total counter
asynccrypto_token_hung_total{token="hsm"} 3
asynccrypto_token_hung_total{token="spare"} 0
# HELP asynccrypto_token_in_flight Operations that sessions work on.
# TYPE asynccrypto_token_in_flight gauge
asynccrypto_token_in_flight{token="hsm"} 2
asynccrypto_token_in_flight{token="spare"} 0
# HELP asynccrypto_token_pins_refused_total PINs that the token has refused; should stay 0.
# TYPE asynccrypto_token_pins_refused_total counter
asynccrypto_token_pins_refused_total{token="hsm"} 5
asynccrypto_token_pins_refused_total{token="spare"} 0
# HELP asynccrypto_token_reconnects_total How often the token has come up again.
# TYPE asynccrypto_token_reconnects_total counter
asynccrypto_token_reconnects_total{token="hsm"} 4
asynccrypto_token_reconnects_total{token="spare"} 0
# HELP asynccrypto_token_sessions Sessions that are connected or being connected.
# TYPE asynccrypto_token_sessions gauge
asynccrypto_token_sessions{token="hsm"} 1
asynccrypto_token_sessions{token="spare"} 0
# HELP asynccrypto_token_up 1 if the token is connected and logged in, as far as is known, otherwise 0.
# TYPE asynccrypto_token_up gauge
asynccrypto_token_up{token="hsm"} 1
asynccrypto_token_up{token="spare"} 0
`)
	c.RemoveToken("hsm")
	c.RemoveToken("spare")
	if n := testutil.CollectAndCount(c); n != 0 {
		t.Errorf("%d metrics of tokens that were removed", n)
	}
}

// members is a chain with these statistics.
type members []fallback.MemberStats

func (m members) Stats() []fallback.MemberStats { return m }

func TestChain(t *testing.T) {
	c := metrics.New()
	must(t, c.AddChain("site", members{
		{Name: "hsm", Operations: 1, Failures: 2, Timeouts: 3, Skipped: 4, State: fallback.HalfOpen, Opened: 5},
		{Name: "file"},
	}))
	compare(t, c, `
# HELP asynccrypto_fallback_breaker_opened_total How often the member's breaker has opened.
# TYPE asynccrypto_fallback_breaker_opened_total counter
asynccrypto_fallback_breaker_opened_total{chain="site",member="file"} 0
asynccrypto_fallback_breaker_opened_total{chain="site",member="hsm"} 5
# HELP asynccrypto_fallback_breaker_state 1 for the state that the member's breaker is in, 0 for the others.
# TYPE asynccrypto_fallback_breaker_state gauge
asynccrypto_fallback_breaker_state{chain="site",member="file",state="closed"} 1
asynccrypto_fallback_breaker_state{chain="site",member="file",state="half-open"} 0
asynccrypto_fallback_breaker_state{chain="site",member="file",state="open"} 0
asynccrypto_fallback_breaker_state{chain="site",member="hsm",state="closed"} 0
asynccrypto_fallback_breaker_state{chain="site",member="hsm",state="half-open"} 1
asynccrypto_fallback_breaker_state{chain="site",member="hsm",state="open"} 0
# HELP asynccrypto_fallback_member_failures_total Operations that the member failed as unavailable.
# TYPE asynccrypto_fallback_member_failures_total counter
asynccrypto_fallback_member_failures_total{chain="site",member="file"} 0
asynccrypto_fallback_member_failures_total{chain="site",member="hsm"} 2
# HELP asynccrypto_fallback_member_operations_total Operations that the member was asked to do.
# TYPE asynccrypto_fallback_member_operations_total counter
asynccrypto_fallback_member_operations_total{chain="site",member="file"} 0
asynccrypto_fallback_member_operations_total{chain="site",member="hsm"} 1
# HELP asynccrypto_fallback_member_skipped_total Operations that passed the member over, because of its breaker.
# TYPE asynccrypto_fallback_member_skipped_total counter
asynccrypto_fallback_member_skipped_total{chain="site",member="file"} 0
asynccrypto_fallback_member_skipped_total{chain="site",member="hsm"} 4
# HELP asynccrypto_fallback_member_timeouts_total Operations that the member did not answer within its time.
# TYPE asynccrypto_fallback_member_timeouts_total counter
asynccrypto_fallback_member_timeouts_total{chain="site",member="file"} 0
asynccrypto_fallback_member_timeouts_total{chain="site",member="hsm"} 3
`)
	c.RemoveChain("site")
	if n := testutil.CollectAndCount(c); n != 0 {
		t.Errorf("%d metrics of a chain that was removed", n)
	}
}

func TestAddRemove(t *testing.T) {
	c := metrics.New()
	e, p := newEngine(t, engine.Config{}), newPool(t, 0)
	must(t, c.AddEngine("a", e))
	must(t, c.AddEngine("b", e)) // under two names, which is allowed
	must(t, c.AddPool("a", p))   // of another kind
	if err := c.AddEngine("a", e); !errors.Is(err, metrics.ErrExists) || err.Error() != `metrics: engine "a": there is one of that name already; remove it first, or choose another name` {
		t.Error(err)
	}
	if err := c.AddPool("a", p); !errors.Is(err, metrics.ErrExists) {
		t.Error(err)
	}
	for name, err := range map[string]error{
		"engine without a name": c.AddEngine("", e),
		"pool without a name":   c.AddPool("", p),
		"not UTF-8":             c.AddEngine("\xff", e),
		"no engine":             c.AddEngine("c", nil),
		"no pool":               c.AddPool("c", nil),
		"no server":             c.AddServer("c", nil),
		"a nil server":          c.AddServer("c", (*tlsserver.Server)(nil)),
		"no token":              c.AddToken("c", nil),
		"a nil token":           c.AddToken("c", (*pkcs11.Token)(nil)),
		"no chain":              c.AddChain("c", nil),
	} {
		if err == nil || errors.Is(err, metrics.ErrExists) {
			t.Error(name, err)
		}
	}
	count := func(want int) {
		t.Helper()
		if n := testutil.CollectAndCount(c, "asynccrypto_engine_eagain_total", "asynccrypto_pool_limit"); n != want {
			t.Errorf("%d metrics, want %d", n, want)
		}
	}
	count(3)
	c.RemoveEngine("a")
	c.RemoveEngine("nobody")
	count(2)
	c.RemovePool("a")
	count(1)
	must(t, c.AddEngine("a", e))
	e.Close()
	p.Close()
	must(t, c.AddPool("closed", p))
	count(3)
}

// Names and help texts follow the rules of Prometheus, and the metrics that are described are
// those that are collected and documented.
func TestLint(t *testing.T) {
	c := metrics.New()
	must(t, c.AddEngine("e", newEngine(t, engine.Config{MaxBatch: 8, Kind: func(engine.Op) int { return 0 }, Kinds: []string{"alone"}})))
	must(t, c.AddPool("p", newPool(t, 0)))
	must(t, c.AddServer("s", figures{}))
	must(t, c.AddToken("t", health{}))
	must(t, c.AddChain("c", members{{Name: "m"}}))
	reg := collecttest.Lint(t, c, "metrics.go")
	if !reg.Unregister(c) {
		t.Error("can't be unregistered")
	}
	if families, err := reg.Gather(); len(families) != 0 || err != nil {
		t.Error(families, err)
	}
}

// Engines and pools may be added and removed while others are scraped and at work.
func TestConcurrent(t *testing.T) {
	c := metrics.New()
	e, err := engine.New(engine.Config{Name: "busy", Handler: func(batch []*engine.Request) {
		for _, r := range batch {
			r.Run()
		}
	}})
	must(t, err)
	defer e.Close()
	pool := newPool(t, 0)
	must(t, c.AddEngine("always", e))
	reg := prometheus.NewPedanticRegistry()
	must(t, reg.Register(c))
	var wg sync.WaitGroup
	for _, f := range []func(){
		func() { c.AddEngine("sometimes", e); c.AddPool("sometimes", pool) },
		func() { c.RemoveEngine("sometimes"); c.RemovePool("sometimes") },
		func() { e.Do(context.Background(), engine.Func(func() error { return nil })) },
		func() { pool.Start(nil, func(async.Job) error { return nil }) },
		func() {
			if _, err := reg.Gather(); err != nil {
				t.Error(err)
			}
		},
	} {
		wg.Go(func() {
			for range 200 {
				f()
			}
		})
	}
	wg.Wait()
}
