package monitor

import "github.com/prometheus/client_golang/prometheus"

// Reloads are figures about how a server has read its files. Make them with [NewReloads].
type Reloads struct{ successful, at prometheus.Gauge }

// NewReloads returns the figures of a server that reads its files for the first time, without which
// it does not begin.
func NewReloads() *Reloads {
	r := &Reloads{
		prometheus.NewGauge(prometheus.GaugeOpts{Name: "asynccrypto_reload_successful",
			Help: "1 if all files could be used when they were last read, otherwise 0: what they had before is in use."}),
		prometheus.NewGauge(prometheus.GaugeOpts{Name: "asynccrypto_reload_success_timestamp_seconds",
			Help: "When files were last read that could all be used, in seconds since 1970."}),
	}
	r.Note(true)
	return r
}

// Note notes whether the files that were read now could all be used.
func (r *Reloads) Note(successful bool) {
	if !successful {
		r.successful.Set(0)
		return
	}
	r.successful.Set(1)
	r.at.SetToCurrentTime()
}

// Figures returns the collectors for [Serve].
func (r *Reloads) Figures() []prometheus.Collector { return []prometheus.Collector{r.successful, r.at} }
