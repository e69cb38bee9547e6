package nistec

import (
	"bytes"
	"crypto"
	"math/rand/v2"
	"slices"
	"testing"

	"asynccrypto/internal/ifma"
)

// TestFaults flips one bit of a computation at a time, in every kind of data. A signature that
// leaves Sign must be the right one all the same: a wrong one would tell about the nonce or the
// key. Nonces are those of RFC 6979, so there is only one right signature. The other lanes must
// not suffer, unless the fault hit data that they share.
func TestFaults(t *testing.T) {
	if ok, why := ifma.Supported(); !ok {
		t.Skip(why)
	}
	times := max(600, min(rounds(3000), 10000))
	everyCurve(t, func(t *testing.T, c testCurve) {
		r := rand.New(rand.NewPCG(8, uint64(c.size)))
		w, b := workspace(t, c.Curve), newBatch(t, c)
		var wantR, wantS [MaxBatch][]byte
		nonces := func() {
			for l, k := range b.privs {
				if err := k.DeterministicNonce(b.nonces[l], crypto.SHA256, b.hashes[l]); err != nil {
					t.Fatal(err)
				}
			}
		}
		nonces()
		b.signed(t, c, w, MaxBatch)
		for l := range MaxBatch {
			wantR[l], wantS[l] = bytes.Clone(b.r[l]), bytes.Clone(b.s[l])
		}
		caught, harmless := make(map[string]int), make(map[string]int)
		for i := range times {
			site := faultSites[i%len(faultSites)]
			n := 1 + r.IntN(MaxBatch)
			spread := spreadFor(n)
			lane := r.IntN(lanes)
			victim := lane % (lanes / spread)
			count, skip := 0, 0
			if site.at == stepWindow || site.at == stepEntry {
				skip = r.IntN(c.sign.n / 2 / spread)
			}
			var undo func()
			w.hook = func(at step) {
				if at != site.at {
					return
				}
				if count++; count != skip+1 {
					return
				}
				v, l := b.privs[victim].mon, 0
				if site.words != nil {
					v, l = site.words(w), lane
				}
				bits := digitBits
				switch site.name {
				case "digits":
					bits = c.sign.w
				case "table":
					bits = 64
				}
				x, bit := &v[r.IntN(len(v))][l], uint64(1)<<r.IntN(bits)
				*x ^= bit
				if site.shared || site.words == nil {
					undo = func() { *x ^= bit }
				}
			}
			nonces()
			b.results(c)
			ok := w.Sign(&b.privs, &b.nonces, &b.hashes, &b.r, &b.s, n)
			w.hook = nil
			if undo != nil {
				undo()
			}
			if count <= skip {
				t.Fatalf("%s: the hook was not called", site.name)
			}
			for l := range n {
				set := ok>>l&1 == 1
				right := bytes.Equal(b.r[l], wantR[l]) && bytes.Equal(b.s[l], wantS[l])
				empty := bytes.Equal(b.r[l], make([]byte, c.size)) && bytes.Equal(b.s[l], make([]byte, c.size))
				switch {
				case set && !right:
					t.Fatalf("%s, fault %d: lane %d of %d is wrong and called right", site.name, i, l, n)
				case !set && !empty:
					t.Fatalf("%s, fault %d: lane %d of %d failed and leaves a result", site.name, i, l, n)
				case !set && l != victim && !site.shared:
					t.Fatalf("%s, fault %d: lane %d of %d suffers from a fault in lane %d", site.name, i, l, n, lane)
				}
			}
			if ok == uint8(1<<n-1) {
				harmless[site.name]++
			} else {
				caught[site.name]++
			}
		}
		t.Log("caught:", caught)
		t.Log("without effect on the signature, or in a lane without an operation:", harmless)
		for _, site := range faultSites {
			// p matters to the rare number only that is not below it.
			if caught[site.name] == 0 && site.name != "p" && !testing.Short() {
				t.Errorf("%s: no fault had an effect", site.name)
			}
		}
	})
}

// faultSites are the data that a fault may hit.
var faultSites = []struct {
	name  string
	at    step
	words func(w *Workspace) []vec // nil: of the private key
	// shared is true for data of all lanes, and for data that outlive the signature, which the
	// test repairs.
	shared bool
}{
	{"private key", stepStart, nil, false},
	{"nonce", stepLoad, nonceOf, false},
	{"hash", stepLoad, func(w *Workspace) []vec { return w.e }, false},
	{"loaded key", stepLoad, func(w *Workspace) []vec { return w.d }, false},
	{"digits", stepDigits, func(w *Workspace) []vec { return w.mag[:w.c.sign.n] }, false},
	// One window of the table: otherwise most faults would hit entries that are not used.
	{"table", stepDigits, func(w *Workspace) []vec { return w.c.tables().sign[:w.c.tableWords()] }, true},
	{"entry", stepEntry, func(w *Workspace) []vec { return w.ea[:2*w.c.digits] }, false},
	{"sum", stepWindow, pointOf, false},
	{"ZZZ of the sum", stepWindow, func(w *Workspace) []vec { return w.a[3*w.c.digits:][:w.c.digits] }, false},
	{"point", stepPoint, pointOf, false},
	{"nonce after the point", stepPoint, nonceOf, false},
	{"1/Z", stepInverse, func(w *Workspace) []vec { return w.t[:w.c.digits] }, false},
	{"1/(e+rd)k", stepScalars, func(w *Workspace) []vec { return w.t[2*w.c.digits:][:w.c.digits] }, false},
	{"r", stepSignature, func(w *Workspace) []vec { return w.r }, false},
	{"s", stepSignature, func(w *Workspace) []vec { return w.s }, false},
	{"1/s", stepSignature, func(w *Workspace) []vec { return w.inverse }, false},
	{"u1 of the check", stepCheck, nonceOf, false},
	{"u2 of the check", stepCheck, func(w *Workspace) []vec { return w.u2[:w.c.digits] }, false},
	{"sum of the check", stepSum, pointOf, false},
	{"n", stepStart, func(w *Workspace) []vec { return w.c.n.m }, true},
	{"p", stepStart, func(w *Workspace) []vec { return w.c.p.m }, true},
	{"R² mod n", stepStart, func(w *Workspace) []vec { return w.c.n.r2 }, true},
	{"R³ mod n", stepStart, func(w *Workspace) []vec { return w.c.n.r3 }, true},
	{"R mod p", stepStart, func(w *Workspace) []vec { return w.c.p.one }, true},
	{"R³ mod p", stepStart, func(w *Workspace) []vec { return w.c.p.r3 }, true},
	{"offset", stepStart, func(w *Workspace) []vec { return signing(w).offsets[0] }, true},
	{"correction", stepStart, func(w *Workspace) []vec { return signing(w).corrections[plan{w.c.key.n, 1}] }, true},
	{"offset of the check", stepStart, func(w *Workspace) []vec { return verifying(w).offsets[1] }, true},
	{"correction of the check", stepStart, func(w *Workspace) []vec {
		return verifying(w).corrections[plan{w.c.key.n, 1}]
	}, true},
}

// nonceOf is u1, which a verification has in the same place.
func nonceOf(w *Workspace) []vec { return w.u1[:w.c.digits] }

func signing(w *Workspace) *ends { return &w.c.tables().signing }

func verifying(w *Workspace) *ends { return &w.c.tables().verifying }

func pointOf(w *Workspace) []vec { return w.a[:3*w.c.digits] }

// TestWrongOffset has the sums of signatures start at wrong points of the curve: those of other
// lanes. No signature may leave, and the check notices only because it starts at other points.
func TestWrongOffset(t *testing.T) {
	everyImpl(t, func(t *testing.T, c testCurve) {
		w, b := workspace(t, c.Curve), newBatch(t, c)
		for i, offset := range signing(w).offsets {
			right := slices.Clone(offset)
			rotate(offset, right, 1)
			b.drawNonces(t)
			b.results(c)
			ok := w.Sign(&b.privs, &b.nonces, &b.hashes, &b.r, &b.s, MaxBatch)
			copy(offset, right)
			if ok != 0 {
				t.Errorf("offset %d is wrong, and signatures leave: ok = %08b", i, ok)
			}
		}
	})
}
