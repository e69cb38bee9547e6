package remotemetrics_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"asynccrypto/metrics"
	"asynccrypto/metrics/internal/collecttest"
	"asynccrypto/metrics/remotemetrics"
	"asynccrypto/remote"
	"asynccrypto/remote/keyserver"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// client is an engine with these statistics.
type client remote.Stats

func (c client) Stats() remote.Stats { return remote.Stats(c) }

// server is a server with these statistics.
type server keyserver.Stats

func (s server) Stats() keyserver.Stats { return keyserver.Stats(s) }

// compare checks all metrics of c: a line has a name without asynccrypto_, the values of the labels
// in the order of the labels' names, and the value.
func compare(t *testing.T, c prometheus.Collector, want string) {
	t.Helper()
	reg := prometheus.NewPedanticRegistry()
	must(t, reg.Register(c))
	families, err := reg.Gather()
	must(t, err)
	var got strings.Builder
	for _, f := range families {
		for _, m := range f.GetMetric() {
			fmt.Fprint(&got, strings.TrimPrefix(f.GetName(), "asynccrypto_"))
			for _, l := range m.GetLabel() {
				fmt.Fprintf(&got, " %q", l.GetValue())
			}
			fmt.Fprintln(&got, "", m.GetCounter().GetValue()+m.GetGauge().GetValue())
		}
	}
	if got, want := got.String(), strings.TrimPrefix(want, "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestEngine(t *testing.T) {
	c := remotemetrics.New()
	must(t, c.AddEngine("e", client{
		OK: 1, NoKey: 2, Denied: 3, Bad: 4, Failed: 5, Expired: 6, Unavailable: 7, Abandoned: 8, Closed: 9,
		InFlight: 10, Waiting: 11, Hedges: 12, Again: 13, HedgeDelay: 20 * time.Millisecond,
		Nodes: []remote.NodeHealth{
			{Node: "keys:1", Address: "10.0.0.1:1", Up: true, InFlight: 1, Latency: time.Millisecond, Asked: 2, Answered: 3,
				Refused: 4, Wrong: 5, Late: 6, Suspensions: 7, Lost: 8},
			{Node: "unix:/\xff", Suspended: true}, // a label must be UTF-8
		},
		Keys: []remote.KeyStats{
			{Name: "web", ID: "aa", Signed: 1, Failed: 2, Verified: 3, Rejected: 4},
			{Name: "web", ID: "bb"}, // a key that has taken the name of another
		},
	}))
	compare(t, c, `
remote_asked_again_total "e" 13
remote_hedge_delay_seconds "e" 0.02
remote_hedges_total "e" 12
remote_key_operations_total "e" "aa" "web" "failed" 2
remote_key_operations_total "e" "aa" "web" "signed" 1
remote_key_operations_total "e" "bb" "web" "failed" 0
remote_key_operations_total "e" "bb" "web" "signed" 0
remote_key_rejected_total "e" "aa" "web" 4
remote_key_rejected_total "e" "bb" "web" 0
remote_key_verified_total "e" "aa" "web" 3
remote_key_verified_total "e" "bb" "web" 0
remote_node_answers_total "" "e" "\"unix:/\\xff\"" "done" 0
remote_node_answers_total "" "e" "\"unix:/\\xff\"" "refused" 0
remote_node_answers_total "10.0.0.1:1" "e" "keys:1" "done" 3
remote_node_answers_total "10.0.0.1:1" "e" "keys:1" "refused" 4
remote_node_connections_lost_total "" "e" "\"unix:/\\xff\"" 0
remote_node_connections_lost_total "10.0.0.1:1" "e" "keys:1" 8
remote_node_late_total "" "e" "\"unix:/\\xff\"" 0
remote_node_late_total "10.0.0.1:1" "e" "keys:1" 6
remote_node_latency_seconds "" "e" "\"unix:/\\xff\"" 0
remote_node_latency_seconds "10.0.0.1:1" "e" "keys:1" 0.001
remote_node_requests_in_flight "" "e" "\"unix:/\\xff\"" 0
remote_node_requests_in_flight "10.0.0.1:1" "e" "keys:1" 1
remote_node_requests_total "" "e" "\"unix:/\\xff\"" 0
remote_node_requests_total "10.0.0.1:1" "e" "keys:1" 2
remote_node_suspended "" "e" "\"unix:/\\xff\"" 1
remote_node_suspended "10.0.0.1:1" "e" "keys:1" 0
remote_node_suspensions_total "" "e" "\"unix:/\\xff\"" 0
remote_node_suspensions_total "10.0.0.1:1" "e" "keys:1" 7
remote_node_up "" "e" "\"unix:/\\xff\"" 0
remote_node_up "10.0.0.1:1" "e" "keys:1" 1
remote_node_wrong_answers_total "" "e" "\"unix:/\\xff\"" 0
remote_node_wrong_answers_total "10.0.0.1:1" "e" "keys:1" 5
remote_requests_in_flight "e" 10
remote_requests_total "e" "abandoned" 8
remote_requests_total "e" "bad" 4
remote_requests_total "e" "closed" 9
remote_requests_total "e" "denied" 3
remote_requests_total "e" "expired" 6
remote_requests_total "e" "failed" 5
remote_requests_total "e" "no_key" 2
remote_requests_total "e" "ok" 1
remote_requests_total "e" "unavailable" 7
remote_requests_waiting "e" 11
`)
	c.RemoveEngine("e")
	compare(t, c, "")
}

func TestServer(t *testing.T) {
	c := remotemetrics.New()
	must(t, c.AddServer("s", server{
		Keys: []keyserver.KeyStats{{Name: "web", Outcomes: keyserver.Outcomes{Signed: 1, NoKey: 2, Denied: 3, Bad: 4, Failed: 5, Expired: 6, Busy: 7, Unavailable: 8}}},
		Peers: []keyserver.PeerStats{
			{Name: "dns:app", Outcomes: keyserver.Outcomes{Signed: 1, NoKey: 2, Denied: 3, Bad: 4, Failed: 5, Expired: 6, Busy: 7, Unavailable: 8}, Lookups: keyserver.Lookups{Found: 13, Denied: 14, NoKey: 15}, InFlight: 9, Sessions: 10},
		},
		Others:       keyserver.PeerStats{Outcomes: keyserver.Outcomes{Signed: 20}, InFlight: 21, Sessions: 22},
		AuditWritten: 11, AuditLost: 12, AuditFailing: true,
	}))
	compare(t, c, `
keyserver_audit_failing "s" 1
keyserver_audit_lines_lost_total "s" 12
keyserver_audit_lines_total "s" 11
keyserver_key_requests_total "web" "bad" "s" 4
keyserver_key_requests_total "web" "busy" "s" 7
keyserver_key_requests_total "web" "denied" "s" 3
keyserver_key_requests_total "web" "expired" "s" 6
keyserver_key_requests_total "web" "failed" "s" 5
keyserver_key_requests_total "web" "no_key" "s" 2
keyserver_key_requests_total "web" "signed" "s" 1
keyserver_key_requests_total "web" "unavailable" "s" 8
keyserver_peer_lookups_total "denied" "dns:app" "s" 14
keyserver_peer_lookups_total "denied" "others" "s" 0
keyserver_peer_lookups_total "found" "dns:app" "s" 13
keyserver_peer_lookups_total "found" "others" "s" 0
keyserver_peer_lookups_total "no_key" "dns:app" "s" 15
keyserver_peer_lookups_total "no_key" "others" "s" 0
keyserver_peer_requests_in_flight "dns:app" "s" 9
keyserver_peer_requests_in_flight "others" "s" 21
keyserver_peer_requests_total "bad" "dns:app" "s" 4
keyserver_peer_requests_total "bad" "others" "s" 0
keyserver_peer_requests_total "busy" "dns:app" "s" 7
keyserver_peer_requests_total "busy" "others" "s" 0
keyserver_peer_requests_total "denied" "dns:app" "s" 3
keyserver_peer_requests_total "denied" "others" "s" 0
keyserver_peer_requests_total "expired" "dns:app" "s" 6
keyserver_peer_requests_total "expired" "others" "s" 0
keyserver_peer_requests_total "failed" "dns:app" "s" 5
keyserver_peer_requests_total "failed" "others" "s" 0
keyserver_peer_requests_total "no_key" "dns:app" "s" 2
keyserver_peer_requests_total "no_key" "others" "s" 0
keyserver_peer_requests_total "signed" "dns:app" "s" 1
keyserver_peer_requests_total "signed" "others" "s" 20
keyserver_peer_requests_total "unavailable" "dns:app" "s" 8
keyserver_peer_requests_total "unavailable" "others" "s" 0
keyserver_peer_sessions "dns:app" "s" 10
keyserver_peer_sessions "others" "s" 22
`)
	c.RemoveServer("s")
	compare(t, c, "")
}

// A signature shows in the metrics of the engine of package remote and in those of its queue, which
// may share a name and a registry.
func TestReal(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	eng, err := remote.Local(map[string]crypto.Signer{"web": key})
	must(t, err)
	defer eng.Close()
	queue, nodes := metrics.New(), remotemetrics.New()
	must(t, queue.AddEngine("keys", eng.Engine()))
	must(t, nodes.AddEngine("keys", eng))
	reg := prometheus.NewPedanticRegistry()
	must(t, reg.Register(queue))
	must(t, reg.Register(nodes))
	signer, err := eng.Signer(context.Background(), "web")
	must(t, err)
	_, err = signer.Sign(rand.Reader, make([]byte, 32), crypto.SHA256)
	must(t, err)
	must(t, eng.Close()) // no further request of the watch
	id := eng.Stats().Keys[0].ID
	if err := testutil.GatherAndCompare(reg, strings.NewReader(`
# HELP asynccrypto_remote_key_operations_total Operations with the key that have ended, by outcome.
# TYPE asynccrypto_remote_key_operations_total counter
asynccrypto_remote_key_operations_total{engine="keys",id="`+id+`",key="web",outcome="failed"} 0
asynccrypto_remote_key_operations_total{engine="keys",id="`+id+`",key="web",outcome="signed"} 1
# HELP asynccrypto_engine_eagain_total Operations that found the engine full.
# TYPE asynccrypto_engine_eagain_total counter
asynccrypto_engine_eagain_total{engine="keys"} 0
`), "asynccrypto_remote_key_operations_total", "asynccrypto_engine_eagain_total"); err != nil {
		t.Error(err)
	}
}

func TestAdd(t *testing.T) {
	c := remotemetrics.New()
	must(t, c.AddEngine("a", client{}))
	must(t, c.AddServer("a", server{})) // of another kind
	for name, err := range map[string]error{`remote engine "a"`: c.AddEngine("a", client{}), `key server "a"`: c.AddServer("a", server{})} {
		if !errors.Is(err, remotemetrics.ErrExists) || !strings.Contains(err.Error(), name) {
			t.Error(name, err)
		}
	}
	for name, err := range map[string]error{
		"engine without a name": c.AddEngine("", client{}),
		"not UTF-8":             c.AddServer("\xff", server{}),
		"no engine":             c.AddEngine("c", nil),
		"a nil engine":          c.AddEngine("c", (*remote.Engine)(nil)),
		"no server":             c.AddServer("c", nil),
		"a nil server":          c.AddServer("c", (*keyserver.Server)(nil)),
	} {
		if err == nil || errors.Is(err, remotemetrics.ErrExists) {
			t.Error(name, err)
		}
	}
	c.RemoveEngine("a")
	c.RemoveEngine("nobody")
	must(t, c.AddEngine("a", client{}))
}

// Names and help texts follow the rules of Prometheus, and the metrics that are described are
// those that are collected and documented.
func TestLint(t *testing.T) {
	c := remotemetrics.New()
	must(t, c.AddEngine("e", client{Nodes: make([]remote.NodeHealth, 1), Keys: make([]remote.KeyStats, 1)}))
	must(t, c.AddServer("s", server{Keys: make([]keyserver.KeyStats, 1)}))
	collecttest.Lint(t, c, "remotemetrics.go")
}
