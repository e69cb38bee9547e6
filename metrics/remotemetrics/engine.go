package remotemetrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"asynccrypto/metrics/internal/collect"
	"asynccrypto/remote"
)

var (
	requests   = engineDesc("requests_total", "Requests that have ended, by outcome.", "outcome")
	inFlight   = engineDesc("requests_in_flight", "Requests under way.")
	waiting    = engineDesc("requests_waiting", "Requests under way that no node has.")
	hedges     = engineDesc("hedges_total", "Requests asked of one more node because they were late.")
	again      = engineDesc("asked_again_total", "Requests asked of one more node because a node was lost, suspended or has refused them.")
	hedgeDelay = engineDesc("hedge_delay_seconds", "Time after which a request is late.")

	nodeUp          = nodeDesc("up", "1 if the node takes requests, otherwise 0.")
	nodeSuspended   = nodeDesc("suspended", "1 if the node gets no requests until it answers a ping, otherwise 0.")
	nodeInFlight    = nodeDesc("requests_in_flight", "Requests that the node has not answered.")
	nodeLatency     = nodeDesc("latency_seconds", "Moving average of the node's time to answer.")
	nodeAsked       = nodeDesc("requests_total", "Requests that the node was sent.")
	nodeAnswers     = nodeDesc("answers_total", "Answers of the node, by outcome.", "outcome")
	nodeWrong       = nodeDesc("wrong_answers_total", "Answers that were wrong, such as signatures by another key; should stay 0.")
	nodeLate        = nodeDesc("late_total", "Requests that the node had not answered when they were late.")
	nodeSuspensions = nodeDesc("suspensions_total", "How often the node was suspended.")
	nodeLost        = nodeDesc("connections_lost_total", "Connections to the node that were up and have ended.")

	keyOperations = keyDesc("operations_total", "Operations with the key that have ended, by outcome.", "outcome")
	keyVerified   = keyDesc("verified_total", "Signatures of the key that were verified.")
	keyRejected   = keyDesc("rejected_total", "Signatures of the key that were wrong; should stay 0.")

	engineDescs = []*prometheus.Desc{requests, inFlight, waiting, hedges, again, hedgeDelay,
		nodeUp, nodeSuspended, nodeInFlight, nodeLatency, nodeAsked, nodeAnswers, nodeWrong, nodeLate, nodeSuspensions, nodeLost,
		keyOperations, keyVerified, keyRejected}
)

func engineDesc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("asynccrypto_remote_"+name, help, append([]string{"engine"}, labels...), nil)
}

func nodeDesc(name, help string, labels ...string) *prometheus.Desc {
	return engineDesc("node_"+name, help, append([]string{"node", "address"}, labels...)...)
}

func keyDesc(name, help string, labels ...string) *prometheus.Desc {
	return engineDesc("key_"+name, help, append([]string{"key", "id"}, labels...)...)
}

// Engine is the argument of [Collector.AddEngine]: a [*remote.Engine], or a type that embeds one.
type Engine interface{ Stats() remote.Stats }

var _ Engine = (*remote.Engine)(nil)

// AddEngine adds the metrics of e, with name in the label engine. For the queue in front of the
// nodes, give [asynccrypto/metrics.Collector.AddEngine] the same name and [remote.Engine.Engine].
// The Collector keeps e until RemoveEngine, even if e is closed. AddEngine returns an error if e is
// nil, or if name is empty, not UTF-8 or taken ([ErrExists]).
func (c *Collector) AddEngine(name string, e Engine) error {
	engine, ok := e.(*remote.Engine)
	return c.sources.Add("remote engine", name, e == nil || ok && engine == nil, engineSource{e})
}

// RemoveEngine removes the engine of that name, if there is one. Its metrics end, and the name may
// be used again. A scrape that has begun may still show it.
func (c *Collector) RemoveEngine(name string) { c.sources.Remove("remote engine", name) }

type engineSource struct{ Engine }

func (e engineSource) Collect(to collect.Sender) {
	st := e.Stats()
	to.Counter(requests, st.OK, "ok")
	to.Counter(requests, st.NoKey, "no_key")
	to.Counter(requests, st.Denied, "denied")
	to.Counter(requests, st.Bad, "bad")
	to.Counter(requests, st.Failed, "failed")
	to.Counter(requests, st.Expired, "expired")
	to.Counter(requests, st.Unavailable, "unavailable")
	to.Counter(requests, st.Abandoned, "abandoned")
	to.Counter(requests, st.Closed, "closed")
	to.Gauge(inFlight, float64(st.InFlight))
	to.Gauge(waiting, float64(st.Waiting))
	to.Counter(hedges, st.Hedges)
	to.Counter(again, st.Again)
	to.Gauge(hedgeDelay, st.HedgeDelay.Seconds())
	for _, n := range st.Nodes {
		to.State(nodeUp, n.Up, n.Node, n.Address)
		to.State(nodeSuspended, n.Suspended, n.Node, n.Address)
		to.Gauge(nodeInFlight, float64(n.InFlight), n.Node, n.Address)
		to.Gauge(nodeLatency, n.Latency.Seconds(), n.Node, n.Address)
		to.Counter(nodeAsked, n.Asked, n.Node, n.Address)
		to.Counter(nodeAnswers, n.Answered, n.Node, n.Address, "done")
		to.Counter(nodeAnswers, n.Refused, n.Node, n.Address, "refused")
		to.Counter(nodeWrong, n.Wrong, n.Node, n.Address)
		to.Counter(nodeLate, n.Late, n.Node, n.Address)
		to.Counter(nodeSuspensions, n.Suspensions, n.Node, n.Address)
		to.Counter(nodeLost, n.Lost, n.Node, n.Address)
	}
	for _, k := range st.Keys {
		to.Counter(keyOperations, k.Signed, k.Name, k.ID, "signed")
		to.Counter(keyOperations, k.Failed, k.Name, k.ID, "failed")
		to.Counter(keyVerified, k.Verified, k.Name, k.ID)
		to.Counter(keyRejected, k.Rejected, k.Name, k.ID)
	}
}
