package serve

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"asynccrypto/cmd/asynccrypto/internal/serve/eventlog"
	"asynccrypto/metrics"
)

// serveMetrics serves figures for Prometheus over plain HTTP, if -metrics was given: the
// engine's, the server's, and those of Go and of the process. Call stop when done.
func serveMetrics(o *options, keys *keys, s service, log *eventlog.Log) (stop func(), err error) {
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
	registry.MustRegister(c, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	ln, err := listen("metrics", o.metrics)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	server := &http.Server{Handler: mux, ReadTimeout: 10 * time.Second, WriteTimeout: time.Minute, IdleTimeout: time.Minute,
		ErrorLog: httpErrors{log: log}.logger()}
	go server.Serve(ln)
	log.Printf("metrics at http://%s/metrics", ln.Addr())
	return func() { server.Close() }, nil
}
