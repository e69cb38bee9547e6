package multibuffer

import (
	"crypto"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/binary"
	"math/big"
	"sync"
	"sync/atomic"
	"testing"
)

// edKey returns the i-th of many keys that need not be points.
func edKey(i int) ed25519.PublicKey {
	k := make(ed25519.PublicKey, ed25519.PublicKeySize)
	binary.BigEndian.PutUint64(k, uint64(i))
	return k
}

// check checks the bounds of c, and that it holds nothing twice.
func (c *cache) check(t *testing.T) {
	t.Helper()
	bytes := 0
	for n := c.ready.Front(); n != nil; n = n.Next() {
		bytes += n.Value.size
	}
	if c.bytes > maxReady || c.bytes != bytes || c.ready.Len() != len(c.keys) {
		t.Errorf("%d keys in %d bytes, said to be %d in %d", c.ready.Len(), bytes, len(c.keys), c.bytes)
	}
}

// A key is prepared at its third use, by one caller, whatever its copy.
func TestCachePreparesAtTheThirdUse(t *testing.T) {
	var prepares atomic.Int32
	c := newCache(func(crypto.PublicKey) *prepared {
		prepares.Add(1)
		return &prepared{kind: ed25519Verify}
	})
	for use := 1; use <= 5; use++ {
		want := ed25519Verify
		if use < 3 {
			want = ed25519VerifyAny
		}
		if p := c.get(edKey(1)); p.kind != want {
			t.Errorf("use %d is of kind %v", use, p.kind)
		}
		if most := use / 3; len(c.keys) != min(most, 1) {
			t.Errorf("%d keys are in the map after use %d", len(c.keys), use)
		}
	}
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() { c.get(edKey(2)) })
	}
	wg.Wait()
	if n := prepares.Load(); n != 2 {
		t.Errorf("two keys were prepared %d times", n)
	}
	c.check(t)
}

// A key that the kernels refuse is asked for once.
func TestCacheOfRefusedKeys(t *testing.T) {
	prepares := 0
	c := newCache(func(crypto.PublicKey) *prepared { prepares++; return nil })
	key := &rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 2047), E: 5}
	for range 10 {
		if p := c.get(key); p != nil {
			t.Error(p)
		}
	}
	if prepares != 1 {
		t.Errorf("prepared %d times", prepares)
	}
	c.check(t)
}

// Keys that come once, or take turns and are more than the cache can hold, do not drive out those
// that are prepared. Keys that are no longer used make room.
func TestCacheBounds(t *testing.T) {
	prepares := 0
	c := newCache(func(crypto.PublicKey) *prepared { prepares++; return &prepared{kind: ed25519Verify} })
	use := func(i int) kind { return c.get(edKey(i)).kind }
	most := maxReady / kinds[ed25519Verify].keySize
	for i := range most {
		for range 3 {
			use(i)
		}
	}
	for i := range 2 * recent {
		if i%recent < most && use(i%recent) != ed25519Verify {
			t.Fatal("a prepared key was forgotten while it was used")
		}
		use(most + i)
	}
	c.check(t)
	if prepares != most {
		t.Errorf("%d keys were prepared, want %d", prepares, most)
	}

	for range 10 {
		for i := range 3 * most {
			use(-1 - i)
		}
	}
	c.check(t)
	if n := prepares - most; n != most {
		t.Errorf("of %d new keys that take turns %d were prepared, want %d", 3*most, n, most)
	}
}

// The table of the keys that were seen remembers the last ones, and a key that comes once takes the
// place of the one whose last use is the longest ago.
func TestSeenKeys(t *testing.T) {
	var s seenKeys
	const key, step = 1 << 10, seenSets << 32 // the keys at this distance are in the same set
	for want := 1; want <= 3; want++ {
		if n := s.use(key); n != want {
			t.Errorf("use %d counts as %d", want, n)
		}
	}
	if n := s.use(key); n != 3 {
		t.Errorf("use 4 counts as %d", n)
	}
	for i := range uint64(seenWays - 1) {
		if n := s.use(key + (i+1)*step); n != 1 {
			t.Errorf("the first use of a key counts as %d", n)
		}
	}
	if n := s.use(key); n != 3 {
		t.Errorf("the key in the last place was forgotten: %d", n)
	}
	for i := range uint64(seenWays) {
		if n := s.use(key + (i+seenWays)*step); n != 1 {
			t.Errorf("the first use of a key counts as %d", n)
		}
	}
	if n := s.use(key); n != 1 {
		t.Errorf("the key is still there: %d", n)
	}
}

// A key that comes for the first time takes one allocation, for its form without preparation.
func TestCacheAllocations(t *testing.T) {
	c := newCache(func(crypto.PublicKey) *prepared { return nil })
	i := 0
	key := edKey(0)
	var pub crypto.PublicKey = key
	if n := testing.AllocsPerRun(1000, func() {
		i++
		binary.BigEndian.PutUint64(key, uint64(i))
		if c.get(pub) == nil {
			t.Error("nothing")
		}
	}); n != 1 {
		t.Errorf("%v allocations", n)
	}
}

// Any number of goroutines use a cache that is too small for their keys.
func TestCacheConcurrently(t *testing.T) {
	c := newCache(func(pub crypto.PublicKey) *prepared { return &prepared{kind: ed25519Verify} })
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 4000 {
				if c.get(edKey(i*(g+1)%2500)) == nil {
					t.Error("nothing")
				}
			}
		})
	}
	wg.Wait()
	c.check(t)
}

// Keys with the same content are the same, and others are not.
func TestContentOfKeys(t *testing.T) {
	ids := make(map[string]int)
	n := 0
	add := func(keys ...crypto.PublicKey) {
		n++
		for _, k := range keys {
			id := string(appendID(nil, k))
			if id == "" || ids[id] != 0 && ids[id] != n {
				t.Errorf("%v has the content %x of key %d", k, id, ids[id])
			}
			ids[id] = n
		}
	}
	k := key().PublicKey
	add(&k, &rsa.PublicKey{N: new(big.Int).Set(k.N), E: k.E})
	add(&rsa.PublicKey{N: k.N, E: 3})
	for _, c := range []elliptic.Curve{elliptic.P256(), elliptic.P384()} {
		p := c.Params()
		add(ecPublic(c, p.Gx, p.Gy), ecPublic(p, new(big.Int).Set(p.Gx), p.Gy))
		add(ecPublic(c, p.Gy, p.Gx))
		add(ecPublic(c, big.NewInt(0), big.NewInt(0)))
	}
	add(edKey(1), edKey(1))
	add(edKey(2))
	if len(ids) != n {
		t.Errorf("%d contents of %d keys", len(ids), n)
	}
	p224 := elliptic.P224().Params()
	for _, k := range []crypto.PublicKey{nil, "key", (*rsa.PublicKey)(nil), &rsa.PublicKey{}, &rsa.PublicKey{N: big.NewInt(-5)}, &rsa.PublicKey{N: big.NewInt(5), E: 3},
		&rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 4096)}, edKey(0)[:31], ed25519.PublicKey(nil),
		ecPublic(nil, nil, nil), ecPublic(elliptic.P256(), nil, nil), ecPublic(elliptic.P224(), p224.Gx, p224.Gy),
		ecPublic(elliptic.P256(), big.NewInt(-1), big.NewInt(1)), ecPublic(elliptic.P256(), big.NewInt(1), new(big.Int).Lsh(big.NewInt(1), 256))} {
		if id := appendID(nil, k); len(id) > 0 {
			t.Errorf("%v has the content %x", k, id)
		}
		if p := publicKeys.get(k); p != nil {
			t.Errorf("%v is prepared", k)
		}
	}
}
