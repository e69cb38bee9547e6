package serve

import (
	"github.com/prometheus/client_golang/prometheus"

	"asynccrypto/cmd/asynccrypto/internal/eventlog"
	"asynccrypto/cmd/asynccrypto/internal/monitor"
	"asynccrypto/engine/fallback"
	"asynccrypto/metrics"
	"asynccrypto/metrics/remotemetrics"
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

// chain is a metrics.Chain for the key of a certificate that is served now. Its figures begin anew
// when the files are read again.
type chain struct {
	keys *keys
	i    int // of the certificate
}

// Stats implements metrics.Chain.
func (c chain) Stats() []fallback.MemberStats { return c.keys.current.Load().chains[c.i].Stats() }

// addKeys adds the metrics of the engine, the tokens, the key servers and the chains.
func addKeys(c *metrics.Collector, servers *remotemetrics.Collector, keys *keys) error {
	if keys.engine != nil {
		if err := c.AddEngine(keys.kind.Name, keys.engine); err != nil {
			return err
		}
	}
	for _, t := range keys.ring.Tokens() {
		if err := c.AddToken(t.Name, t); err != nil {
			return err
		}
		if err := c.AddEngine("pkcs11 "+t.Name, t.Engine()); err != nil {
			return err
		}
	}
	for _, s := range keys.ring.Servers() {
		name := "remote " + s.Name
		if err := c.AddEngine(name, s.Engine.Engine()); err != nil {
			return err
		}
		if err := servers.AddEngine(name, s.Engine); err != nil {
			return err
		}
	}
	for i, signer := range keys.current.Load().chains {
		if signer == nil {
			continue
		}
		if err := c.AddChain(keys.o.certs[i], chain{keys, i}); err != nil {
			return err
		}
	}
	return nil
}

// serveMetrics serves the figures of the engine, the tokens, the key servers, the server, the reloads
// and the certificates, if -metrics was given, and beside them the health. Call stop when done.
func serveMetrics(o *options, keys *keys, s service, h *monitor.Health, log *eventlog.Log) (stop func(), err error) {
	c, servers := metrics.New(), remotemetrics.New()
	if err := addKeys(c, servers, keys); err != nil {
		return nil, err
	}
	name := "https"
	if o.proxy != "" {
		name = "proxy"
	}
	if err := c.AddServer(name, s); err != nil {
		return nil, err
	}
	return monitor.Serve(o.metrics, h, log, append(keys.reloads.Figures(), c, servers, newExpiry(keys))...)
}
