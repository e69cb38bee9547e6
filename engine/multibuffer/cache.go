package multibuffer

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/binary"
	"hash/maphash"
	"sync"

	"asynccrypto/internal/list"
)

const (
	// usesBefore is how many uses of a key the cache waits for before it prepares the key.
	// Preparing takes as long as one or two verifications by the standard library.
	usesBefore = 2
	// maxReady bounds the memory of prepared keys, in bytes.
	maxReady = 16 << 20
	// recent is how many uses of keys ago the last use of a prepared key may be for the cache to
	// keep it, whatever other keys are used. It is more than seenKeys remembers: otherwise keys that
	// take turns, and are more than the cache can hold, would drive each other out as soon as they
	// are prepared.
	recent = 4 * seenSets * seenWays
	// maxID is the length of the longest content of a key.
	maxID = 1 + 8 + 4096/8
)

// cache finds prepared keys for callers that have only the key itself. It knows a key by its
// content and prepares it at its third use. When it is full it makes room by forgetting the keys
// whose last use is the longest ago, but none that is in use: until there is room, a new key is
// used as it is. Any goroutine may use a cache.
type cache struct {
	prepare func(crypto.PublicKey) *prepared
	seed    maphash.Seed

	mu    sync.Mutex
	uses  uint64 // of all keys
	seen  seenKeys
	keys  map[string]*cached
	ready list.List[*cached] // the keys in the map; the one used last is at the back
	bytes int                // that the keys in the map take when they are prepared
}

// cached is a key in a cache that was used often enough to be prepared.
type cached struct {
	node    list.Node[*cached]
	id      string
	size    int       // of the prepared form, in bytes
	lastUse uint64    // by cache.uses
	key     *prepared // nil until it is prepared, or if the kernels refuse it
}

func newCache(prepare func(crypto.PublicKey) *prepared) *cache {
	return &cache{prepare: prepare, seed: maphash.MakeSeed(), keys: make(map[string]*cached)}
}

// get returns pub in the form that a pass takes, or nil if the standard library has to do the
// operation.
func (c *cache) get(pub crypto.PublicKey) *prepared {
	var buf [maxID]byte
	id := appendID(buf[:0], pub)
	if len(id) == 0 {
		return nil
	}
	key, due := c.find(id)
	if due != nil { // meanwhile others use the key as it is
		key = c.prepare(pub)
		c.store(due, key)
	}
	if key == nil {
		return anyKey(id)
	}
	return key
}

// find looks a key up and counts the use. It returns the prepared key, or due if the caller is to
// prepare the key and to store it there, or neither.
func (c *cache) find(id []byte) (key *prepared, due *cached) {
	hash := maphash.Bytes(c.seed, id)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.uses++
	if k := c.keys[string(id)]; k != nil {
		k.lastUse = c.uses
		c.ready.Remove(&k.node)
		c.ready.PushBack(&k.node)
		return k.key, nil
	}
	n := kinds[id[0]].keySize
	if c.seen.use(hash) <= usesBefore || !c.makeRoom(n) {
		return nil, nil
	}
	k := &cached{id: string(id), size: n, lastUse: c.uses}
	k.node.Value = k
	c.keys[k.id] = k
	c.ready.PushBack(&k.node)
	return nil, k
}

// store stores the prepared form of k.
func (c *cache) store(k *cached, key *prepared) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k.key = key
}

// makeRoom takes n bytes for a key, and forgets others for it. It returns false if the cache is
// full of keys that are in use. mu is held.
func (c *cache) makeRoom(n int) bool {
	for c.bytes+n > maxReady {
		k := c.ready.Front().Value
		if c.uses-k.lastUse <= recent {
			return false
		}
		c.ready.Remove(&k.node)
		delete(c.keys, k.id)
		c.bytes -= k.size
	}
	c.bytes += n
	return true
}

// seenKeys counts the uses of keys that are not in the cache's map. It remembers the hashes of about
// the last 1,024 keys. It allocates nothing, because most of the keys may never come again. The seed
// of the hash is secret, so nobody can choose keys that meet in one set. Two keys with the same hash
// count as one: the cache then prepares a key too early, which does no harm.
type seenKeys [seenSets][seenWays]seenKey

const (
	seenSets = 128 // a power of two
	seenWays = 8
)

// seenKey is the hash of a key, with the number of its uses in place of the two lowest bits. It is 0
// if there is no key.
type seenKey uint64

const countMask seenKey = 3

// use counts a use of the key with this hash. It returns how many uses there were, at most three.
func (s *seenKeys) use(hash uint64) int {
	set := &s[hash>>32%seenSets] // ordered by their last uses; the last one makes room
	key := seenKey(hash) &^ countMask
	i := 0
	for i < seenWays-1 && set[i]&^countMask != key {
		i++
	}
	n := seenKey(1)
	if set[i]&^countMask == key {
		n = min(set[i]&countMask+1, countMask)
	}
	copy(set[1:i+1], set[:i])
	set[0] = key | n
	return int(n)
}

// appendID appends the content of a key that the kernels may take: two keys are equal if their
// contents are. The first byte is the kind of a verification with the key. id is empty. For another
// key appendID appends nothing.
func appendID(id []byte, pub crypto.PublicKey) []byte {
	switch k := pub.(type) {
	case *rsa.PublicKey:
		if k == nil || k.N == nil || k.N.Sign() <= 0 || rsaVerify(k.Size()) == alone {
			return id
		}
		id = binary.BigEndian.AppendUint64(append(id, byte(rsaVerify(k.Size()))), uint64(k.E))
		start := len(id)
		id = append(id, make([]byte, k.Size())...)
		k.N.FillBytes(id[start:])
	case *ecdsa.PublicKey:
		if c, kinds, id := encodePoint(append(id, 0), k); c != nil {
			id[0] = byte(kinds.verify)
			return id
		}
	case ed25519.PublicKey:
		if len(k) == ed25519.PublicKeySize {
			return append(append(id, byte(ed25519Verify)), k...)
		}
	}
	return id
}
