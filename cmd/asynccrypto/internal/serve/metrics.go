package serve

import (
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"asynccrypto/cmd/asynccrypto/internal/serve/eventlog"
	"asynccrypto/metrics"
)

// expiry is a prometheus.Collector for the end of the certificates that are served now.
type expiry struct {
	keys *keys
	desc *prometheus.Desc
}

func newExpiry(k *keys) expiry {
	return expiry{k, prometheus.NewDesc("asynccrypto_certificate_expiry_timestamp_seconds",
		"When the certificate expires, in seconds since 1970.", []string{"file"}, nil)}
}

func (e expiry) Describe(c chan<- *prometheus.Desc) { c <- e.desc }

func (e expiry) Collect(c chan<- prometheus.Metric) {
	for i, leaf := range e.keys.current.Load().leaves {
		file := "" // the throw-away certificate
		if e.keys.o.certs != nil {
			file = e.keys.o.certs[i]
		}
		c <- prometheus.MustNewConstMetric(e.desc, prometheus.GaugeValue, float64(leaf.NotAfter.Unix()), file)
	}
}

// health answers whether new connections should come here: 200 while the server accepts them, and
// 503 once it has been told to stop.
type health struct{ stopping atomic.Bool }

func (h *health) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	if h.stopping.Load() {
		http.Error(w, "stopping", http.StatusServiceUnavailable)
		return
	}
	io.WriteString(w, "ok\n")
}

// serveMetrics serves figures for Prometheus over plain HTTP, if -metrics was given: the
// engine's, the server's, the certificates', and those of Go and of the process. Beside them it
// serves the health. Call stop when done.
func serveMetrics(o *options, keys *keys, s service, h *health, log *eventlog.Log) (stop func(), err error) {
	if o.metrics == "" {
		return func() {}, nil
	}
	c := metrics.New()
	if keys.engine != nil {
		if err := c.AddEngine(keys.kind.Name, keys.engine); err != nil {
			return nil, err
		}
	}
	name := "https"
	if o.proxy != "" {
		name = "proxy"
	}
	if err := c.AddServer(name, s); err != nil {
		return nil, err
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(c, newExpiry(keys), collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	ln, err := listen("metrics", o.metrics)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.Handle("GET /healthz", h)
	server := &http.Server{Handler: mux, ReadTimeout: 10 * time.Second, WriteTimeout: time.Minute, IdleTimeout: time.Minute,
		ErrorLog: httpErrors{log: log}.logger()}
	go server.Serve(ln)
	log.Printf("metrics at http://%s/metrics", ln.Addr())
	return func() { server.Close() }, nil
}
