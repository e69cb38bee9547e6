package keyserver

import (
	"github.com/prometheus/client_golang/prometheus"

	"asynccrypto/cmd/asynccrypto/internal/monitor"
	"asynccrypto/engine/fallback"
	"asynccrypto/metrics"
	"asynccrypto/metrics/remotemetrics"
)

// serveMetrics serves the figures of the server and its health, if -metrics was given. Call stop when
// done.
func (d *daemon) serveMetrics() (stop func(), err error) {
	figures, err := d.figures()
	if err != nil {
		return nil, err
	}
	return monitor.Serve(d.o.metrics, &d.health, d.log, figures...)
}

// figures returns the collectors of the page: for the engines, for the server, and for its files.
func (d *daemon) figures() ([]prometheus.Collector, error) {
	c := metrics.New()
	if err := c.AddEngine(d.keys.kind.Name, d.keys.engine); err != nil {
		return nil, err
	}
	for _, t := range d.keys.ring.Tokens() {
		if err := c.AddToken(t.Name, t); err != nil {
			return nil, err
		}
		if err := c.AddEngine("pkcs11 "+t.Name, t.Engine()); err != nil {
			return nil, err
		}
	}
	for name := range d.o.fallbacks {
		if err := c.AddChain(name, chain{d.keys, name}); err != nil {
			return nil, err
		}
	}
	server := remotemetrics.New()
	if err := server.AddServer("keyserver", d.server); err != nil {
		return nil, err
	}
	return append(d.reloads.Figures(), c, server), nil
}

// chain is a metrics.Chain for the key of a name, with its fallback. Its figures begin again at 0
// when the files are read again.
type chain struct {
	keys *keys
	name string
}

// Stats implements metrics.Chain.
func (c chain) Stats() []fallback.MemberStats {
	if s, ok := c.keys.current.Load().signers[c.name].(fallback.Signer); ok {
		return s.Stats()
	}
	return nil
}
