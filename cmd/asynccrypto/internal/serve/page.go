package serve

import (
	"crypto/tls"
	"fmt"
	"net/http"

	"asynccrypto/cmd/asynccrypto/internal/tlsname"
	"asynccrypto/internal/measure"
)

// page returns a handler for a first try. It shows the parameters that the connection has
// negotiated, and the engine's statistics.
func page(k *keys) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		t := r.TLS
		resumed := "no, a full handshake"
		if t.DidResume {
			resumed = "yes, by a session ticket"
		}
		fmt.Fprintf(w, "asynccrypto serve, on its own: give it -root DIR or -proxy ADDR to serve something\n\n")
		fmt.Fprintf(w, "protocol     %s\nversion      %s\ncipher       %s\nkey exchange %s\nresumed      %s\n",
			r.Proto, tls.VersionName(t.Version), tls.CipherSuiteName(t.CipherSuite), tlsname.OfKeyExchange(t.CurveID), resumed)
		for _, t := range k.ring.Tokens() {
			state := "down"
			if t.Health().Up {
				state = "up"
			}
			s := t.Engine().Stats()
			fmt.Fprintf(w, "token        %s: %s, %s done, %d failed\n", t.Name, state, measure.Count(int(s.Completed), "operation"), s.Failed)
		}
		for _, servers := range k.ring.Servers() {
			up, nodes := 0, servers.Nodes()
			for _, n := range nodes {
				if n.Up {
					up++
				}
			}
			s := servers.Engine.Engine().Stats()
			fmt.Fprintf(w, "key servers  %s: %d of %d up, %s done, %d failed\n", servers.Name, up, len(nodes),
				measure.Count(int(s.Completed), "operation"), s.Failed)
		}
		if k.engine == nil {
			fmt.Fprintf(w, "engine       none\n")
			return
		}
		s := k.engine.Stats()
		fmt.Fprintf(w, "engine       %s: %s done, %d failed, %d of them computed up to eight at a time; mean batch %.1f\n",
			k.kind.Name, measure.Count(int(s.Completed), "operation"), s.Failed, s.Vectorized, s.MeanBatch())
	})
}
