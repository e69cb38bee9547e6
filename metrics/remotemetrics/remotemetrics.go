// Package remotemetrics exports the statistics of key servers and of their clients to Prometheus. Its
// [Collector] is a [prometheus.Collector], beside that of package [asynccrypto/metrics]:
//
//	c := remotemetrics.New()
//	prometheus.MustRegister(c)
//	err := c.AddEngine("keys", eng)       // of remote.New
//	err = c.AddServer("keyserver", server) // of keyserver.New
//
// It is a package of its own because it compiles gRPC. As there, a scrape reads the statistics of
// each engine and server once, the Collector keeps nothing between scrapes, and operations cost
// nothing more.
//
// # Engines of package remote
//
// Each metric has the label engine: the name that the engine was added by.
//
//	asynccrypto_remote_requests_total               counter    requests that have ended, by outcome: ok, no_key, denied,
//	                                                           bad, failed, expired, unavailable, abandoned, closed (see
//	                                                           remote.Stats)
//	asynccrypto_remote_requests_in_flight           gauge      requests under way
//	asynccrypto_remote_requests_waiting             gauge      those of them that no node has
//	asynccrypto_remote_hedges_total                 counter    requests asked of one more node because they were late
//	asynccrypto_remote_asked_again_total            counter    requests asked of one more node because a node was lost,
//	                                                           suspended or has refused them
//	asynccrypto_remote_hedge_delay_seconds          gauge      after which a request is late, at present
//
// These have the labels node, as in [remote.Config].Nodes, and address, one of the node's, too. A
// node whose name was not found has an empty address.
//
//	asynccrypto_remote_node_up                      gauge      1 if it takes requests, otherwise 0
//	asynccrypto_remote_node_suspended               gauge      1 if it gets none until it answers a ping, otherwise 0
//	asynccrypto_remote_node_requests_in_flight      gauge      requests that it has not answered
//	asynccrypto_remote_node_latency_seconds         gauge      moving average of its time to answer
//	asynccrypto_remote_node_requests_total          counter    requests that it was sent
//	asynccrypto_remote_node_answers_total           counter    its answers, by outcome: done or refused
//	asynccrypto_remote_node_wrong_answers_total     counter    those that were done and wrong, such as signatures by another
//	                                                           key; should stay 0
//	asynccrypto_remote_node_late_total              counter    requests that it had not answered when they were late
//	asynccrypto_remote_node_suspensions_total       counter    how often it was suspended
//	asynccrypto_remote_node_connections_lost_total  counter    connections that were up and have ended
//
// These have the labels key, the key's name (empty for a key of SignerFor alone), and id, the
// SHA-256 of its public key, too.
//
//	asynccrypto_remote_key_operations_total         counter    operations that have ended, by outcome: signed or failed
//	asynccrypto_remote_key_verified_total           counter    signatures that were verified
//	asynccrypto_remote_key_rejected_total           counter    signatures that were wrong; should stay 0
//
// # Servers of package keyserver
//
// Each metric has the label server. The label outcome is signed, no_key, denied, bad, failed,
// expired, busy or unavailable (see keyserver.Outcomes). The label peer is the client's name, as in
// the allow file, and "others" for all clients after the first 256.
//
//	asynccrypto_keyserver_key_requests_total        counter    requests for signatures with a key, by key and outcome
//	asynccrypto_keyserver_peer_requests_total       counter    requests of a client, by peer and outcome
//	asynccrypto_keyserver_peer_lookups_total        counter    questions of a client for a key by its name, by peer and
//	                                                           outcome: found, denied or no_key (see keyserver.Lookups)
//	asynccrypto_keyserver_peer_requests_in_flight   gauge      requests of a client that are under way, by peer
//	asynccrypto_keyserver_peer_sessions             gauge      open connections of Unix sockets and sessions of gRPC, by peer
//	asynccrypto_keyserver_audit_lines_total         counter    lines written to the audit log
//	asynccrypto_keyserver_audit_lines_lost_total    counter    signatures and refusals that have no line
//	asynccrypto_keyserver_audit_failing             gauge      1 if the log cannot be written at the moment, otherwise 0
//
// # What to watch
//
//	sum by (engine) (asynccrypto_remote_node_up) < 2
//	rate(asynccrypto_remote_requests_total{outcome=~"expired|unavailable|failed"}[5m]) > 0
//	increase(asynccrypto_remote_node_wrong_answers_total[1h]) > 0
//	sum by (engine) (rate(asynccrypto_remote_hedges_total[5m])) / sum by (engine) (rate(asynccrypto_remote_requests_total[5m])) > 0.04
//	increase(asynccrypto_keyserver_peer_requests_total{outcome="denied"}[1h]) > 0
//	increase(asynccrypto_keyserver_peer_lookups_total{outcome="denied"}[1h]) > 0
//	rate(asynccrypto_keyserver_peer_requests_total{outcome="busy"}[5m]) > 0
//	asynccrypto_keyserver_audit_failing == 1
//	increase(asynccrypto_keyserver_audit_lines_lost_total[1h]) > 0
//
// No metric holds a key, an input or the text of an error. The names of keys, nodes and clients
// become labels.
package remotemetrics

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"asynccrypto/metrics/internal/collect"
)

// Collector collects the metrics of the engines and servers that were added to it. Make one with
// [New] and register it once, before or after you add them. Any goroutine may use it.
type Collector struct{ sources collect.Sources }

// described holds the metrics of both kinds.
var described = slices.Concat(engineDescs, serverDescs)

// New returns an empty Collector.
func New() *Collector { return new(Collector) }

// ErrExists is wrapped by the errors of AddEngine and AddServer when another source of that kind has
// the name.
var ErrExists = collect.ErrExists

// Describe implements prometheus.Collector.
func (c *Collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range described {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *Collector) Collect(ch chan<- prometheus.Metric) { c.sources.Collect(ch) }
