package main

import (
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"asynccrypto/metrics"
)

// serveMetrics serves figures for Prometheus over plain HTTP on addr, if there is one: the engine's, the server's, and
// those of Go and of the process.
func serveMetrics(addr string, keys *serveKeys, s service, l *serveLog) (stop func(), err error) {
	if addr == "" {
		return func() {}, nil
	}
	c := metrics.New()
	if keys.engine != nil {
		if err := c.AddEngine(keys.kind.name, keys.engine); err != nil {
			return nil, err
		}
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(c, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if server, ok := s.(metrics.Server); ok {
		if err := c.AddServer("proxy", server); err != nil {
			return nil, err
		}
	} else { // net/http tells less
		registry.MustRegister(
			prometheus.NewGaugeFunc(prometheus.GaugeOpts{
				Name: "asynccrypto_serve_connections",
				Help: "Connections that are open, handshakes under way included.",
			}, func() float64 { return float64(s.connections()) }),
			prometheus.NewCounterFunc(prometheus.CounterOpts{
				Name: "asynccrypto_serve_handshakes_failed_total",
				Help: "Handshakes that failed, or were not done in time.",
			}, func() float64 { return float64(l.handshakes.Load()) }))
	}
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, listenError("-metrics", addr, err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, WriteTimeout: time.Minute}
	go server.Serve(ln)
	l.printf("metrics at http://%s/metrics", ln.Addr())
	return func() { server.Close() }, nil
}
