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
	for k := range s.listed(c, r) {
		longer, err := wire.AppendKey(data, k)
		if err != nil || wire.AnswerSize(&wire.Answer{Data: longer}) > size {
			break // newKey has checked what AppendKey does, so the list goes on in the next answer
		}
		data = longer
	}
	return wire.Answer{ID: r.ID, Data: data}
}

// listed yields the keys that the client may use, of those that r asks for. It counts a question for
// one key.
func (s *Server) listed(c *client, r *wire.Request) func(func(wire.Key) bool) {
	return func(yield func(wire.Key) bool) {
		set, rules := s.currentKeys(), s.rules.Load()
		defer s.releaseKeys(set)
		keys := set.after(string(r.Data))
		if r.Name != "" {
			keys = nil
			k := set.byName[r.Name]
			if k != nil {
				keys = []*key{k}
			}
			c.lookups.count(lookup(rules, c.peer, k))
		}
		for _, k := range keys {
			words := rules.Words(c.peer, k.name)
			if len(words) > 0 && !yield(wire.Key{Name: k.name, SPKI: k.spki, Rules: words}) {
				return
			}
		}
	}
}

// lookup returns the outcome of a question for one key, which is nil if it is not there.
func lookup(rules *allow.Rules, peer allow.Peer, k *key) wire.Status {
	switch {
	case k == nil:
		return wire.NoKey
	case len(rules.Words(peer, k.name)) == 0:
		return wire.Denied
	}
	return wire.OK
}
