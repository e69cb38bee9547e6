package remotemetrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"asynccrypto/metrics/internal/collect"
	"asynccrypto/remote/keyserver"
)

var (
	serverKeys     = serverDesc("key_requests_total", "Requests for signatures with the key, by outcome.", "key", "outcome")
	peerRequests   = serverDesc("peer_requests_total", "Requests of the client for signatures, by outcome.", "peer", "outcome")
	peerLookups    = serverDesc("peer_lookups_total", "Questions of the client for a key by its name, by outcome.", "peer", "outcome")
	peerInFlight   = serverDesc("peer_requests_in_flight", "Requests of the client that are under way.", "peer")
	peerSessions   = serverDesc("peer_sessions", "Open connections of Unix sockets and sessions of gRPC of the client.", "peer")
	auditLines     = serverDesc("audit_lines_total", "Lines written to the audit log.")
	auditLinesLost = serverDesc("audit_lines_lost_total", "Signatures and refusals that have no line in the audit log.")
	auditFailing   = serverDesc("audit_failing", "1 if the audit log cannot be written at the moment, otherwise 0.")

	serverDescs = []*prometheus.Desc{serverKeys, peerRequests, peerLookups, peerInFlight, peerSessions, auditLines, auditLinesLost, auditFailing}
)

func serverDesc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("asynccrypto_keyserver_"+name, help, append([]string{"server"}, labels...), nil)
}

// Server is the argument of [Collector.AddServer]: a [*keyserver.Server], or a type that embeds
// one.
type Server interface{ Stats() keyserver.Stats }

var _ Server = (*keyserver.Server)(nil)

// AddServer adds the metrics of s, with name in the label server. For the batches of its keys'
// engine use [asynccrypto/metrics.Collector.AddEngine], too. The Collector keeps s until
// RemoveServer, even if s is closed. The errors are those of [Collector.AddEngine].
func (c *Collector) AddServer(name string, s Server) error {
	server, ok := s.(*keyserver.Server)
	return c.sources.Add("key server", name, s == nil || ok && server == nil, serverSource{s})
}

// RemoveServer removes the server of that name, like [Collector.RemoveEngine].
func (c *Collector) RemoveServer(name string) { c.sources.Remove("key server", name) }

// others is the label peer of the clients that have none of their own. No client is called so: the
// names of clients have a colon.
const others = "others"

type serverSource struct{ Server }

func (s serverSource) Collect(to collect.Sender) {
	st := s.Stats()
	for _, k := range st.Keys {
		outcomes(to, serverKeys, k.Outcomes, k.Name)
	}
	st.Others.Name = others
	for _, p := range append(st.Peers, st.Others) {
		outcomes(to, peerRequests, p.Outcomes, p.Name)
		to.Counter(peerLookups, p.Lookups.Found, p.Name, "found")
		to.Counter(peerLookups, p.Lookups.Denied, p.Name, "denied")
		to.Counter(peerLookups, p.Lookups.NoKey, p.Name, "no_key")
		to.Gauge(peerInFlight, float64(p.InFlight), p.Name)
		to.Gauge(peerSessions, float64(p.Sessions), p.Name)
	}
	to.Counter(auditLines, st.AuditWritten)
	to.Counter(auditLinesLost, st.AuditLost)
	to.State(auditFailing, st.AuditFailing)
}

// outcomes sends a counter for each outcome. label says whose they are.
func outcomes(to collect.Sender, d *prometheus.Desc, o keyserver.Outcomes, label string) {
	to.Counter(d, o.Signed, label, "signed")
	to.Counter(d, o.NoKey, label, "no_key")
	to.Counter(d, o.Denied, label, "denied")
	to.Counter(d, o.Bad, label, "bad")
	to.Counter(d, o.Failed, label, "failed")
	to.Counter(d, o.Expired, label, "expired")
	to.Counter(d, o.Busy, label, "busy")
	to.Counter(d, o.Unavailable, label, "unavailable")
}
