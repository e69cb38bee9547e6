package metrics_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"asynccrypto/async"
	"asynccrypto/engine"
	"asynccrypto/engine/workers"
	"asynccrypto/metrics"
)

// An engine and a pool on a page for Prometheus, beside whatever else the program registers.
func Example() {
	eng, err := workers.New(workers.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer eng.Close()
	pool, err := async.NewPool(1000, 0)
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Close()

	c := metrics.New()
	if err := c.AddEngine("signatures", eng); err != nil {
		log.Fatal(err)
	}
	if err := c.AddPool("handshakes", pool); err != nil {
		log.Fatal(err)
	}
	reg := prometheus.NewRegistry()
	reg.MustRegister(c)
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{}))
	server := httptest.NewServer(mux)
	defer server.Close()

	if err := eng.Do(context.Background(), engine.Func(func() error { return nil })); err != nil {
		log.Fatal(err)
	}
	resp, err := http.Get(server.URL + "/metrics")
	if err != nil {
		log.Fatal(err)
	}
	defer resp.Body.Close()
	page, err := io.ReadAll(resp.Body)
	if err != nil {
		log.Fatal(err)
	}
	for line := range strings.Lines(string(page)) {
		if strings.HasPrefix(line, "asynccrypto_engine_operations_total") || strings.HasPrefix(line, "asynccrypto_pool_limit") {
			fmt.Print(line)
		}
	}
	// Output:
	// asynccrypto_engine_operations_total{engine="signatures",outcome="completed"} 1
	// asynccrypto_engine_operations_total{engine="signatures",outcome="dropped"} 0
	// asynccrypto_engine_operations_total{engine="signatures",outcome="failed"} 0
	// asynccrypto_pool_limit{pool="handshakes"} 1000
}
