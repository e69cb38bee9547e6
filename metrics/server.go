package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"asynccrypto/asynctls/tlsserver"
	"asynccrypto/metrics/internal/collect"
)

var (
	serverAccepted    = serverDesc("connections_accepted_total", "Connections accepted.")
	serverConnections = serverDesc("connections", "Connections, by state.", "state")
	serverHandshakes  = serverDesc("handshakes_total", "Handshakes that have ended, by outcome.", "outcome")
	serverResumed     = serverDesc("handshakes_resumed_total", "Handshakes completed with a session ticket.")
	serverJobs        = serverDesc("jobs", "Jobs of handshakes, by state.", "state")
	serverInLine      = serverDesc("handshakes_waiting", "Handshakes in line, because the limit of those under way is reached.")

	serverDescs = []*prometheus.Desc{serverAccepted, serverConnections, serverHandshakes, serverResumed, serverJobs, serverInLine}
)

func serverDesc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("asynccrypto_server_"+name, help, append([]string{"server"}, labels...), nil)
}

// Server is the argument of [Collector.AddServer]: a [*tlsserver.Server], or a type that embeds
// one.
type Server interface{ Stats() tlsserver.Stats }

var _ Server = (*tlsserver.Server)(nil)

// AddServer adds the metrics of s, with name in the label server. The Collector keeps s until
// RemoveServer. The errors are those of [Collector.AddEngine].
func (c *Collector) AddServer(name string, s Server) error {
	tls, ok := s.(*tlsserver.Server)
	return c.sources.Add("server", name, s == nil || ok && tls == nil, serverSource{s})
}

// RemoveServer removes the server of that name, like [Collector.RemoveEngine].
func (c *Collector) RemoveServer(name string) { c.sources.Remove("server", name) }

type serverSource struct{ Server }

func (s serverSource) Collect(to collect.Sender) {
	st := s.Stats()
	to.Counter(serverAccepted, st.Accepted)
	to.Gauge(serverConnections, float64(st.Handshaking), "handshaking")
	to.Gauge(serverConnections, float64(st.Open), "open")
	to.Counter(serverHandshakes, st.Handshakes, "completed")
	to.Counter(serverHandshakes, st.Failed, "failed")
	to.Counter(serverHandshakes, st.TimedOut, "timed_out")
	to.Counter(serverHandshakes, st.Canceled, "canceled")
	to.Counter(serverResumed, st.Resumed) // no outcome of its own: these are completed too
	to.Gauge(serverJobs, float64(st.Running), "running")
	to.Gauge(serverJobs, float64(st.Paused), "paused")
	to.Gauge(serverInLine, float64(st.InLine))
}
