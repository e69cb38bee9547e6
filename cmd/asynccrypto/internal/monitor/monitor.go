// Package monitor serves the state of a server over plain HTTP: figures for Prometheus, and whether
// the server is well.
package monitor

import (
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"asynccrypto/cmd/asynccrypto/internal/eventlog"
	"asynccrypto/cmd/asynccrypto/internal/failure"
	"asynccrypto/cmd/asynccrypto/internal/listen"
)

// Health answers whether new connections should come here: 200 while the server accepts them, and
// 503 once it has been told to stop, or while it is ill.
type Health struct {
	// Ill returns the reason if the server cannot do its work now, and otherwise an empty text. It
	// may be nil.
	Ill func() string

	stopping atomic.Bool
}

// Stop says that the server has been told to stop.
func (h *Health) Stop() { h.stopping.Store(true) }

// ServeHTTP implements http.Handler.
func (h *Health) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	why := ""
	if h.Ill != nil {
		why = h.Ill()
	}
	if h.stopping.Load() {
		why = "stopping"
	}
	if why != "" {
		http.Error(w, why, http.StatusServiceUnavailable)
		return
	}
	io.WriteString(w, "ok\n")
}

// Serve serves, at the address of the option -metrics, the figures of the collectors with those of
// Go and of the process at /metrics, and the health at /healthz. If addr is empty it serves nothing.
// Call stop when done.
func Serve(addr string, h *Health, log *eventlog.Log, figures ...prometheus.Collector) (stop func(), err error) {
	if addr == "" {
		return func() {}, nil
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(figures...)
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	ln, err := listen.TCP("metrics", addr)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.Handle("GET /healthz", h)
	server := &http.Server{Handler: mux, ReadTimeout: 10 * time.Second, WriteTimeout: time.Minute, IdleTimeout: time.Minute,
		ErrorLog: failure.HTTP(log, nil)}
	go server.Serve(ln)
	log.Printf("metrics at http://%s/metrics", ln.Addr())
	return func() { server.Close() }, nil
}
