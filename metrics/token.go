package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"asynccrypto/engine/pkcs11"
	"asynccrypto/metrics/internal/collect"
)

var (
	tokenUp         = tokenDesc("up", "1 if the token is connected and logged in, as far as is known, otherwise 0.")
	tokenSessions   = tokenDesc("sessions", "Sessions that are connected or being connected.")
	tokenInFlight   = tokenDesc("in_flight", "Operations that sessions work on.")
	tokenHung       = tokenDesc("hung_total", "Calls of the module that did not end in time.")
	tokenEnded      = tokenDesc("connections_ended_total", "Connections that ended by themselves: the helper or the server has died.")
	tokenReconnects = tokenDesc("reconnects_total", "How often the token has come up again.")
	tokenRefused    = tokenDesc("pins_refused_total", "PINs that the token has refused; should stay 0.")

	tokenDescs = []*prometheus.Desc{tokenUp, tokenSessions, tokenInFlight, tokenHung, tokenEnded, tokenReconnects, tokenRefused}
)

func tokenDesc(name, help string) *prometheus.Desc {
	return prometheus.NewDesc("asynccrypto_token_"+name, help, []string{"token"}, nil)
}

// Token is the argument of [Collector.AddToken]: a [*pkcs11.Token], or a type that embeds one.
type Token interface{ Health() pkcs11.Health }

var _ Token = (*pkcs11.Token)(nil)

// AddToken adds the metrics of t, with name in the label token. For the operations with its keys
// use [Collector.AddEngine] with the token's engine, too. The Collector keeps t until RemoveToken,
// even if t is closed. The errors are those of [Collector.AddEngine].
func (c *Collector) AddToken(name string, t Token) error {
	token, ok := t.(*pkcs11.Token)
	return c.sources.Add("token", name, t == nil || ok && token == nil, tokenSource{t})
}

// RemoveToken removes the token of that name, like [Collector.RemoveEngine].
func (c *Collector) RemoveToken(name string) { c.sources.Remove("token", name) }

type tokenSource struct{ Token }

func (t tokenSource) Collect(to collect.Sender) {
	h := t.Health()
	to.State(tokenUp, h.Up)
	to.Gauge(tokenSessions, float64(h.Sessions))
	to.Gauge(tokenInFlight, float64(h.InFlight))
	to.Counter(tokenHung, h.Hung)
	to.Counter(tokenEnded, h.Ended)
	to.Counter(tokenReconnects, h.Reconnects)
	to.Counter(tokenRefused, h.PINsRefused)
}
