// Package metrics exports the statistics of engines, pools and TLS servers to Prometheus. Its
// [Collector] is a [prometheus.Collector]:
//
//	c := metrics.New()
//	prometheus.MustRegister(c)
//	err := c.AddEngine("signatures", eng)
//	err = c.AddPool("handshakes", pool)
//	err = c.AddServer("https", server)
//
// A scrape reads the statistics of each engine, pool and server once, so its metrics agree with
// each other. The Collector keeps nothing between scrapes. It adds no cost to operations and jobs.
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
//	asynccrypto_engine_faults_caught_total          counter    results that failed their check and were computed again;
//	                                                           should stay 0, anything else points at the hardware
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
// # What to watch
//
// An engine needs more workers or cores if operations_waiting stays above 0, or if operations are
// slow while batches are full. A pool is too small if pool_waiting stays above 0.
// faults_caught_total should stay 0; alert on any increase.
//
//	histogram_quantile(0.99, rate(asynccrypto_engine_operation_duration_seconds_bucket[5m]))
//	rate(asynccrypto_engine_batch_size_sum[5m]) / rate(asynccrypto_engine_batch_size_count[5m])
//	sum without (state) (asynccrypto_pool_jobs) / asynccrypto_pool_limit
//	increase(asynccrypto_engine_faults_caught_total[1h]) > 0
//
// No metric holds a key, an input or the text of an error. The names that you give become labels.
// So give no secret names, and do not add a source for each session: each name adds a set of time
// series.
package metrics

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"
)

// Collector collects the metrics of the engines, pools and servers that were added to it. Make
// one with [New] and register it once, before or after you add them. Any goroutine may use it.
type Collector struct {
	mu      sync.Mutex
	sources map[key]source
}

// key identifies a source. Names are unique within each kind.
type key struct{ kind, name string }

// source is an engine, a pool or a server. collect sends its metrics of this moment, which are
// those that its kind describes.
type source interface {
	collect(name string, ch chan<- prometheus.Metric)
}

// described holds the metrics of all kinds.
var described = slices.Concat(engineDescs, poolDescs, serverDescs)

// New returns a Collector without engines, pools or servers.
func New() *Collector { return &Collector{sources: make(map[key]source)} }

// add adds s under name, which is unique within kind. isNil says that the caller gave no source.
func (c *Collector) add(kind, name string, isNil bool, s source) error {
	switch {
	case name == "":
		return fmt.Errorf("metrics: the %s has no name; give it one for its label", kind)
	case !utf8.ValidString(name):
		return fmt.Errorf("metrics: the name %[2]q of the %[1]s is not UTF-8, as labels must be", kind, name)
	case isNil:
		return fmt.Errorf("metrics: %s %q is nil", kind, name)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	k := key{kind, name}
	if c.sources[k] != nil {
		return fmt.Errorf("metrics: %s %q: %w", kind, name, ErrExists)
	}
	c.sources[k] = s
	return nil
}

// ErrExists is wrapped by the errors of AddEngine, AddPool and AddServer when another engine,
// pool or server has the name.
var ErrExists = errors.New("there is one of that name already; remove it first, or choose another name")

func (c *Collector) remove(kind, name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.sources, key{kind, name})
}

// Describe implements prometheus.Collector.
func (c *Collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range described {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *Collector) Collect(ch chan<- prometheus.Metric) {
	// The sources are copied: the registry reads from ch at its own pace, and an engine may be
	// added then.
	c.mu.Lock()
	type named struct {
		name string
		source
	}
	all := make([]named, 0, len(c.sources))
	for k, s := range c.sources {
		all = append(all, named{k.name, s})
	}
	c.mu.Unlock()
	for _, s := range all {
		s.collect(s.name, ch)
	}
}

// sender sends the metrics of one source.
type sender struct {
	name string
	ch   chan<- prometheus.Metric
}

func (s sender) counter(d *prometheus.Desc, v uint64, labels ...string) {
	s.ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), s.with(labels)...)
}

func (s sender) gauge(d *prometheus.Desc, v float64, labels ...string) {
	s.ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, s.with(labels)...)
}

// histogram sends a histogram. upTo holds the number of values up to each bound, count that of
// all values, and sum their sum.
func (s sender) histogram(d *prometheus.Desc, count uint64, sum float64, upTo map[float64]uint64) {
	s.ch <- prometheus.MustNewConstHistogram(d, count, sum, upTo, s.name)
}

func (s sender) with(labels []string) []string { return append([]string{s.name}, labels...) }
