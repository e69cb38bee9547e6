package keyserver

import (
	"asynccrypto/remote/internal/allow"
	"asynccrypto/remote/internal/wire"
)

// ping answers whether the server takes requests.
func (s *Server) ping(r *wire.Request) wire.Answer {
	if s.draining.Load() {
		return wire.Answer{ID: r.ID, Status: wire.Unavailable, Text: shutsDown}
	}
	return wire.Answer{ID: r.ID}
}

// list answers with the keys that the client may use, as many as fit in size bytes. The request has
// passed [wire.Request.Check].
func (s *Server) list(c *client, r *wire.Request, size int) wire.Answer {
	data := []byte{}
	for k := range s.listed(c.peer, r) {
		longer, err := wire.AppendKey(data, k)
		if err != nil || wire.AnswerSize(&wire.Answer{Data: longer}) > size {
			break // newKey has checked what AppendKey does, so the list goes on in the next answer
		}
		data = longer
	}
	return wire.Answer{ID: r.ID, Data: data}
}

// listed yields the keys that the peer may use, of those that r asks for.
func (s *Server) listed(peer allow.Peer, r *wire.Request) func(func(wire.Key) bool) {
	return func(yield func(wire.Key) bool) {
		set, rules := s.currentKeys(), s.rules.Load()
		defer s.releaseKeys(set)
		keys := set.after(string(r.Data))
		if r.Name != "" {
			keys = nil
			if k := set.byName[r.Name]; k != nil {
				keys = []*key{k}
			}
		}
		for _, k := range keys {
			words := rules.Words(peer, k.name)
			if len(words) > 0 && !yield(wire.Key{Name: k.name, SPKI: k.spki, Rules: words}) {
				return
			}
		}
	}
}
