package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"asynccrypto/engine/fallback"
	"asynccrypto/metrics/internal/collect"
)

var (
	memberOperations = memberDesc("member_operations_total", "Operations that the member was asked to do.")
	memberFailures   = memberDesc("member_failures_total", "Operations that the member failed as unavailable.")
	memberTimeouts   = memberDesc("member_timeouts_total", "Operations that the member did not answer within its time.")
	memberSkipped    = memberDesc("member_skipped_total", "Operations that passed the member over, because of its breaker.")
	breakerState     = memberDesc("breaker_state", "1 for the state that the member's breaker is in, 0 for the others.", "state")
	breakerOpened    = memberDesc("breaker_opened_total", "How often the member's breaker has opened.")

	chainDescs = []*prometheus.Desc{memberOperations, memberFailures, memberTimeouts, memberSkipped, breakerState, breakerOpened}
)

func memberDesc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("asynccrypto_fallback_"+name, help, append([]string{"chain", "member"}, labels...), nil)
}

// Chain is the argument of [Collector.AddChain]: a [fallback.Signer] or a [fallback.Decrypter].
type Chain interface{ Stats() []fallback.MemberStats }

var (
	_ Chain = fallback.Signer(nil)
	_ Chain = fallback.Decrypter(nil)
)

// AddChain adds the metrics of the members of chain, with name in the label chain and the members'
// own names in the label member. The Collector keeps chain until RemoveChain, even if chain is
// closed. The errors are those of [Collector.AddEngine].
func (c *Collector) AddChain(name string, chain Chain) error {
	return c.sources.Add("chain", name, chain == nil, chainSource{chain})
}

// RemoveChain removes the chain of that name, like [Collector.RemoveEngine].
func (c *Collector) RemoveChain(name string) { c.sources.Remove("chain", name) }

type chainSource struct{ Chain }

func (c chainSource) Collect(to collect.Sender) {
	for _, m := range c.Stats() {
		to.Counter(memberOperations, m.Operations, m.Name)
		to.Counter(memberFailures, m.Failures, m.Name)
		to.Counter(memberTimeouts, m.Timeouts, m.Name)
		to.Counter(memberSkipped, m.Skipped, m.Name)
		for _, s := range []fallback.State{fallback.Closed, fallback.Open, fallback.HalfOpen} {
			to.State(breakerState, s == m.State, m.Name, s.String())
		}
		to.Counter(breakerOpened, m.Opened, m.Name)
	}
}
