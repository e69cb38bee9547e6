package allow

import (
	"maps"
	"slices"
	"strings"

	"asynccrypto/remote/internal/wire"
)

// Use is a signature that a client asks for.
type Use struct {
	RSA     bool // the key is an RSA key
	Hash    wire.Hash
	Padding wire.Padding
	Message bool   // Data is the whole message, which the server hashes; otherwise it is a digest
	Data    []byte // is only read
	Context string // of Ed25519ctx, Ed25519ph and ML-DSA
}

// Rules is a parsed allow file. Its methods may be called by any goroutine. The zero Rules allow
// nothing.
type Rules struct {
	peers map[string]map[string][]line // by identity and by the key's name
}

// Names returns the names of keys that the lines name, sorted.
func (r *Rules) Names() []string {
	all := map[string]bool{}
	for _, keys := range r.peers {
		for name := range keys {
			all[name] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// line is the permission that one line gives to one peer for one key. A set without elements is no
// restriction.
type line struct {
	hashes   set[wire.Hash]
	paddings set[wire.Padding]
	sides    set[side]
	text     string // OPERATION[:WORD,...]
}

// set is a set of small numbers.
type set[T ~uint8] uint16

func (s set[T]) has(e T) bool { return e < 16 && s&(1<<e) != 0 }
func (s *set[T]) add(e T)     { *s |= 1 << e }

// Allowed reports whether a line allows the signature u with a key to the peer, and which of the
// peer's identities the line names. It allocates nothing.
func (r *Rules) Allowed(p Peer, key string, u *Use) (identity string, ok bool) {
	for _, identity := range p.identities {
		for _, l := range r.peers[identity][key] {
			if l.allows(u) {
				return identity, true
			}
		}
	}
	return "", false
}

func (l *line) allows(u *Use) bool {
	noHash := u.Hash == wire.NoHash
	switch {
	case u.RSA && noHash && !l.hashes.has(wire.NoHash):
		return false // the word is required
	case !u.RSA && noHash && l.hashes != 0:
		return false // the word means PKCS #1
	case !noHash && l.hashes != 0 && !l.hashes.has(u.Hash):
		return false
	case l.paddings != 0 && !(u.RSA && l.paddings.has(u.Padding)):
		return false
	case l.sides != 0:
		// TLS has no use for the signature scheme's own context.
		return u.Message && u.Context == "" && l.sides.has(sideOf(u.Data))
	}
	return true
}

// Words returns the peer's permissions for a key, in the allow file's words: "sign:sha256,pss". The
// elements are the lines for the peer, sorted. If there are none the peer may not know of the key.
func (r *Rules) Words(p Peer, key string) (all []string) {
	for _, identity := range p.identities {
		for _, l := range r.peers[identity][key] {
			all = append(all, l.text)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Refusal says why a signature with a key is refused to the peer, for people. It names the peer, or
// the key and the peer's own lines for it: a peer without any may have asked by the key's id, and is
// not to learn its name.
func (r *Rules) Refusal(p Peer, key string, u *Use) string {
	words := r.Words(p, key)
	if len(words) == 0 {
		return "the allow file does not let " + p.String() + " use the key"
	}
	return "the key " + cut(key) + " is for " + strings.Join(words, " or ") + ", and this is " + u.String()
}

// String describes u in the allow file's words.
func (u *Use) String() string {
	words := []string{u.Hash.String()}
	if u.RSA {
		words = append(words, u.Padding.String())
	}
	switch {
	case !u.Message:
		words = append(words, "of a digest")
	case sideOf(u.Data) != 0 && u.Context == "":
		words = append(words, "of", TLS13(u.Data))
	default:
		words = append(words, "of a message that is not one of TLS 1.3")
	}
	return strings.Join(words, " ")
}
