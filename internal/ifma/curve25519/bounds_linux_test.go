//go:build amd64 && !purego

package curve25519

import (
	"crypto/ed25519"
	"testing"

	"asynccrypto/internal/ifma"
	"asynccrypto/internal/ifma/ifmatest"
)

func TestKernelsStayInBounds(t *testing.T) {
	if ok, why := ifma.Supported(); !ok {
		t.Skip(why)
	}
	r := newRand(10)
	for _, before := range []bool{false, true} {
		for _, k := range kernels(func(n int) []vec { return ifmatest.Guarded(t, n, before) }, r) {
			compare(t, k, r)
		}
	}
}

// TestTablesStayInBounds verifies with tables between guard pages, for all numbers of operations:
// where lanes share windows, some have none left.
func TestTablesStayInBounds(t *testing.T) {
	if ok, why := ifma.Supported(); !ok {
		t.Skip(why)
	}
	r := newRand(17)
	w := workspace(t)
	for _, before := range []bool{false, true} {
		guarded := func(x *table) *table {
			rows := ifmatest.Guarded(t, len(x.rows), before)
			copy(rows, x.rows)
			return &table{rows, x.n}
		}
		var keys [MaxBatch]*PublicKey
		var dom, messages, sigs [MaxBatch][]byte
		var bases [lanes]*table
		for l := range keys {
			s := newSigner(t, r, false)
			keys[l] = &PublicKey{bytes: s.public.bytes, table: *guarded(&s.public.table)}
			messages[l] = randomBytes(r, 50)
			sigs[l] = ed25519.Sign(s.std, messages[l])
			bases[l] = guarded(baseTable())
		}
		for n := 1; n <= MaxBatch; n++ {
			if valid := w.Verify(&keys, &dom, &messages, &sigs, n); valid != uint8(1<<n-1) {
				t.Errorf("n = %d: valid = %08b", n, valid)
			}
			w.identity()
			w.split(&w.base, &w.scalars, baseWidth)
			w.addMultiples(&w.base, baseWidth, &bases, operationsFor(n), ^uint64(0))
		}
		compact := keys
		for l := range compact {
			k, err := NewPublicKey(keys[l].bytes[:], true)
			if err != nil {
				t.Fatal(err)
			}
			compact[l] = &PublicKey{bytes: k.bytes, compact: true, table: *guarded(&k.table)}
		}
		if valid := w.Verify(&compact, &dom, &messages, &sigs, MaxBatch); valid != 0xff {
			t.Errorf("compact: valid = %08b", valid)
		}
	}
}
