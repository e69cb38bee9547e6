package metrics

import (
	"math"

	"github.com/prometheus/client_golang/prometheus"

	"asynccrypto/async"
	"asynccrypto/metrics/internal/collect"
)

var (
	poolJobs       = poolDesc("jobs", "Jobs, by state.", "state")
	poolEnded      = poolDesc("jobs_ended_total", "Jobs that have ended.")
	poolCoroutines = poolDesc("coroutines", "Coroutines made and kept.")
	poolWaiting    = poolDesc("waiting", "Callers in line for a place in the pool.")
	poolLimit      = poolDesc("limit", "The most jobs at once, +Inf if there is no limit.")

	poolDescs = []*prometheus.Desc{poolJobs, poolEnded, poolCoroutines, poolWaiting, poolLimit}
)

func poolDesc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("asynccrypto_pool_"+name, help, append([]string{"pool"}, labels...), nil)
}

// AddPool adds the metrics of p, with name in the label pool. The Collector keeps p until
// RemovePool, so a pool that you drop without closing it is not collected as garbage before. The
// errors are those of [Collector.AddEngine].
func (c *Collector) AddPool(name string, p *async.Pool) error {
	return c.sources.Add("pool", name, p == nil, poolSource{p})
}

// RemovePool removes the pool of that name, like [Collector.RemoveEngine].
func (c *Collector) RemovePool(name string) { c.sources.Remove("pool", name) }

type poolSource struct{ *async.Pool }

func (p poolSource) Collect(to collect.Sender) {
	st := p.Stats()
	to.Gauge(poolJobs, float64(st.Running), "running")
	to.Gauge(poolJobs, float64(st.Paused), "paused")
	to.Counter(poolEnded, st.Ended)
	to.Gauge(poolCoroutines, float64(st.Coroutines))
	to.Gauge(poolWaiting, float64(st.Waiting))
	limit := float64(st.Limit)
	if st.Limit == 0 {
		limit = math.Inf(1)
	}
	to.Gauge(poolLimit, limit)
}
