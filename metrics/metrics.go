// Package metrics exports the statistics of engines, pools, TLS servers, tokens and chains of
// fallbacks to Prometheus. Its [Collector] is a [prometheus.Collector]:
//
//	c := metrics.New()
//	prometheus.MustRegister(c)
//	err := c.AddEngine("signatures", eng)
//	err = c.AddPool("handshakes", pool)
//	err = c.AddServer("https", server)
//	err = c.AddToken("hsm", token)
//	err = c.AddChain("site", signer)
//
// A scrape reads the statistics of each engine, pool, server, token and chain once, so its metrics
// agree with each other. The Collector keeps nothing between scrapes. It adds no cost to operations
// and jobs. Key servers and their clients have a collector of their own, in package
// [asynccrypto/metrics/remotemetrics].
//
// # Engines
//
// Each metric has the label engine: the name that the engine was added by.
//
//	asynccrypto_engine_operations_total             counter    operations that have ended, by outcome: completed, failed
//	                                                           (the key's error, a panic, a deadline) or dropped (its
//	                                                           caller had given up)
//	asynccrypto_engine_operations_in_flight         gauge      operations that are running
//	asynccrypto_engine_operations_queued            gauge      operations waiting for a worker
//	asynccrypto_engine_operations_waiting           gauge      operations waiting for room, because the engine is full
//	asynccrypto_engine_eagain_total                 counter    operations that found the engine full: StatusEAGAIN
//	asynccrypto_engine_batch_size                   histogram  operations begun together; its count is that of batches
//	asynccrypto_engine_operation_duration_seconds   histogram  from the call to the answer, the time in line included, of
//	                                                           operations that were completed or failed
//	asynccrypto_engine_vectorized_total             counter    operations computed by the method for several at a time
//	asynccrypto_engine_kind_operations_total        counter    operations that have begun, by kind
//	asynccrypto_engine_kind_batches_total           counter    batches that have begun, by kind
//	asynccrypto_engine_faults_caught_total          counter    results that failed their check and were computed again;
//	                                                           should stay 0, anything else points at the hardware
//
// The label kind says which operations share batches: rsa2048-sign or p256-verify, for example,
// with the engine multibuffer. Its values are fixed when an engine is made ([engine.Config].Kinds),
// so there are as many for each engine as it has kinds: 18 with multibuffer, none with an engine
// without kinds. In multibuffer the kind alone stands for the operations that the standard library
// does.
//
// # Pools
//
// Each metric has the label pool.
//
//	asynccrypto_pool_jobs                           gauge      jobs, by state: running or paused
//	asynccrypto_pool_jobs_ended_total               counter    jobs that have ended
//	asynccrypto_pool_coroutines                     gauge      coroutines made and kept, about 3 KB each
//	asynccrypto_pool_waiting                        gauge      callers in line for a place, see async.Pool.Notify
//	asynccrypto_pool_limit                          gauge      the most jobs at once, +Inf if there is no limit
//
// # Servers
//
// Each metric has the label server.
//
//	asynccrypto_server_connections_accepted_total   counter    connections
//	asynccrypto_server_connections                  gauge      connections, by state: handshaking, begun or not, or open
//	asynccrypto_server_handshakes_total             counter    handshakes that have ended, by outcome: completed, failed,
//	                                                           timed_out or canceled (by Shutdown or Close)
//	asynccrypto_server_handshakes_resumed_total     counter    completed handshakes that used a session ticket
//	asynccrypto_server_handshakes_waiting           gauge      handshakes in line, because the limit of those under way
//	                                                           is reached
//	asynccrypto_server_jobs                         gauge      jobs of handshakes, by state: running or paused
//
// # Tokens
//
// Each metric has the label token. Those of a token's operations are its engine's: add that too.
//
//	asynccrypto_token_up                            gauge      1 if the token is connected and logged in, as far as is
//	                                                           known, otherwise 0
//	asynccrypto_token_sessions                      gauge      sessions that are connected or being connected
//	asynccrypto_token_in_flight                     gauge      operations that sessions work on
//	asynccrypto_token_hung_total                    counter    calls of the module that did not end in time
//	asynccrypto_token_connections_ended_total       counter    connections that ended by themselves: the helper or the server
//	                                                           has died
//	asynccrypto_token_reconnects_total              counter    how often the token has come up again
//	asynccrypto_token_pins_refused_total            counter    PINs that the token has refused; should stay 0, since the
//	                                                           token is not asked again after that
//
// # Chains of fallbacks
//
// Each metric has the labels chain and member. See package [asynccrypto/engine/fallback].
//
//	asynccrypto_fallback_member_operations_total    counter    operations that the member was asked to do
//	asynccrypto_fallback_member_failures_total      counter    operations that it failed as unavailable
//	asynccrypto_fallback_member_timeouts_total      counter    operations that it did not answer within its time
//	asynccrypto_fallback_member_skipped_total       counter    operations that passed it over, because of its breaker
//	asynccrypto_fallback_breaker_state              gauge      1 for the state that its breaker is in, 0 for the others:
//	                                                           closed, open or half-open
//	asynccrypto_fallback_breaker_opened_total       counter    how often its breaker has opened; members that share a
//	                                                           breaker show the same
//
// # What to watch
//
// An engine needs more workers or cores if operations_waiting stays above 0, or if operations are
// slow while batches are full. A pool is too small if pool_waiting stays above 0.
// faults_caught_total should stay 0; alert on any increase. A token that is down, or a breaker that
// is not closed, means that another member of the chain works in its place, or nobody.
//
//	histogram_quantile(0.99, rate(asynccrypto_engine_operation_duration_seconds_bucket[5m]))
//	rate(asynccrypto_engine_batch_size_sum[5m]) / rate(asynccrypto_engine_batch_size_count[5m])
//	rate(asynccrypto_engine_kind_operations_total[5m]) / rate(asynccrypto_engine_kind_batches_total[5m])
//	sum without (state) (asynccrypto_pool_jobs) / asynccrypto_pool_limit
//	increase(asynccrypto_engine_faults_caught_total[1h]) > 0
//	asynccrypto_token_up == 0
//	asynccrypto_fallback_breaker_state{state="closed"} == 0
//
// No metric holds a key, an input or the text of an error. The names that you give become labels.
// So give no secret names, and do not add a source for each session: each name adds a set of time
// series.
package metrics

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"asynccrypto/metrics/internal/collect"
)

// Collector collects the metrics of the engines, pools, servers, tokens and chains that were added
// to it. Make one with [New] and register it once, before or after you add them. Any goroutine may
// use it.
type Collector struct{ sources collect.Sources }

// described holds the metrics of all kinds.
var described = slices.Concat(engineDescs, poolDescs, serverDescs, tokenDescs, chainDescs)

// New returns an empty Collector.
func New() *Collector { return new(Collector) }

// ErrExists is wrapped by the errors of AddEngine, AddPool, AddServer, AddToken and AddChain when
// another source of that kind has the name.
var ErrExists = collect.ErrExists

// Describe implements prometheus.Collector.
func (c *Collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range described {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *Collector) Collect(ch chan<- prometheus.Metric) { c.sources.Collect(ch) }
