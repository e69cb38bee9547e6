package main

import (
	"log"
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
func serveMetrics(addr string, proxy bool, keys *serveKeys, s service, l *serveLog) (stop func(), err error) {
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
	name := "https"
	if proxy {
		name = "proxy"
	}
	if err := c.AddServer(name, s); err != nil {
		return nil, err
	}
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, listenError("-metrics", addr, err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	server := &http.Server{Handler: mux, ReadTimeout: 10 * time.Second, WriteTimeout: time.Minute, IdleTimeout: time.Minute,
		ErrorLog: log.New(httpErrors{l: l}, "", 0)}
	go server.Serve(ln)
	l.printf("metrics at http://%s/metrics", ln.Addr())
	return func() { server.Close() }, nil
}
