package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"asynccrypto/engine"
	"asynccrypto/metrics/internal/collect"
)

var (
	engineOperations = engineDesc("operations_total", "Operations that have ended, by outcome.", "outcome")
	engineInFlight   = engineDesc("operations_in_flight", "Operations that are running.")
	engineQueued     = engineDesc("operations_queued", "Operations waiting for a worker.")
	engineWaiting    = engineDesc("operations_waiting", "Operations waiting for room, because the engine is full.")
	engineEAGAINs    = engineDesc("eagain_total", "Operations that found the engine full.")
	engineBatch      = engineDesc("batch_size", "Operations begun together.")
	engineDuration   = engineDesc("operation_duration_seconds", "Time from the call to the answer of operations that were completed or failed.")
	engineVectorized = engineDesc("vectorized_total", "Operations computed by the method for several at a time.")
	engineKindOps    = engineDesc("kind_operations_total", "Operations that have begun, by kind.", "kind")
	engineKindBatch  = engineDesc("kind_batches_total", "Batches that have begun, by the kind of their operations.", "kind")
	engineFaults     = engineDesc("faults_caught_total", "Results that failed their check and were computed again; should stay 0.")

	engineDescs = []*prometheus.Desc{engineOperations, engineInFlight, engineQueued, engineWaiting, engineEAGAINs,
		engineBatch, engineDuration, engineVectorized, engineKindOps, engineKindBatch, engineFaults}
)

func engineDesc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("asynccrypto_engine_"+name, help, append([]string{"engine"}, labels...), nil)
}

// AddEngine adds the metrics of e, with name in the label engine. Engines of one kind all have the
// same [engine.Engine.Name], so choose names that say what the engines are for. The Collector
// keeps e until RemoveEngine, even if e is closed. AddEngine returns an error if e is nil, or if
// name is empty, not UTF-8 or taken ([ErrExists]).
func (c *Collector) AddEngine(name string, e *engine.Engine) error {
	return c.sources.Add("engine", name, e == nil, engineSource{e})
}

// RemoveEngine removes the engine of that name, if there is one. Its metrics end, and the name may
// be used again. A scrape that has begun may still show it.
func (c *Collector) RemoveEngine(name string) { c.sources.Remove("engine", name) }

type engineSource struct{ *engine.Engine }

func (e engineSource) Collect(to collect.Sender) {
	st := e.Stats()
	to.Counter(engineOperations, st.Completed, "completed")
	to.Counter(engineOperations, st.Failed, "failed")
	to.Counter(engineOperations, st.Dropped, "dropped")
	to.Gauge(engineInFlight, float64(st.InFlight))
	to.Gauge(engineQueued, float64(st.Queued))
	to.Gauge(engineWaiting, float64(st.Waiting))
	to.Counter(engineEAGAINs, st.EAGAINs)
	batches(to, st.BatchSizes)
	durations(to, &st.Latency)
	to.Counter(engineVectorized, st.Vectorized)
	for _, kind := range st.Kinds { // as many as the engine has been made with
		to.Counter(engineKindOps, kind.Operations, kind.Name)
		to.Counter(engineKindBatch, kind.Batches, kind.Name)
	}
	to.Counter(engineFaults, st.Recomputed)
}

// batches sends the batch sizes. Each size up to 8 has a bucket, because the kernels compute up
// to 8 at a time. Above 8 the bounds double, so that a large MaxBatch does not make as many time
// series.
func batches(to collect.Sender, sizes []uint64) {
	upTo := make(map[float64]uint64)
	var count, sum uint64
	bound := 1
	for i, n := range sizes {
		size := i + 1
		count += n
		sum += n * uint64(size)
		if size == bound || size == len(sizes) {
			upTo[float64(bound)] = count
		}
		if size == bound {
			bound += max(1, bound&^7)
		}
	}
	to.Histogram(engineBatch, count, float64(sum), upTo)
}

// durations sends the durations of operations.
func durations(to collect.Sender, h *engine.Histogram) {
	upTo := make(map[float64]uint64)
	var count uint64
	for i, n := range h.Buckets {
		count += n
		if i < len(h.Buckets)-1 { // the last bucket counts every duration
			upTo[h.Bound(i).Seconds()] = count
		}
	}
	to.Histogram(engineDuration, count, h.Sum, upTo)
}
