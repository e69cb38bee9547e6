package rsa

import (
	"crypto/sha256"
	"flag"
	"fmt"
	"math/big"
	"math/rand/v2"
	"testing"

	"asynccrypto/internal/ifma"
)

var faults = flag.Int("faults", map[bool]int{true: 10_000, false: 40}[inCI],
	"faults to put into signatures of 2048 bits, with each set of kernels, and a tenth as many into longer ones; -short bounds them")

// TestFaults flips one bit of a computation at a time, in every kind of data. The lane with the
// fault must give no result, and its neighbours must give the same as without it.
func TestFaults(t *testing.T) {
	if ok, why := ifma.Supported(); !ok {
		t.Skip(why)
	}
	n := *faults
	if testing.Short() {
		n = min(n, 200)
	}
	t.Run("2048", func(t *testing.T) {
		everySet(t, func(t *testing.T) { testFaults(t, 256, n) })
	})
	for _, size := range []int{384, 512} {
		t.Run(fmt.Sprint(size*8), func(t *testing.T) { testFaults(t, size, (n+9)/10) })
	}
}

func testFaults(t *testing.T, size, rounds int) {
	r := rand.New(rand.NewPCG(2, uint64(size)))
	w := workspace(t, size)
	var keys [MaxBatch]*Key
	var in, out, want [MaxBatch][]byte
	for l := range keys {
		k := testKeys()[size][l%len(testKeys()[size])]
		keys[l] = prepared(t, k)
		digest := sha256.Sum256([]byte{byte(l)})
		in[l], out[l] = padded(size, digest[:]), make([]byte, size)
		m := new(big.Int).SetBytes(in[l])
		want[l] = m.Exp(m, k.D, k.N).FillBytes(make([]byte, size))
	}
	harmless := make(map[string]int)
	for round := range rounds {
		n := 1 + r.IntN(MaxBatch)
		pick := r.IntN(len(faultSites))
		site, passes := faultSites[pick], 1
		if n > MaxPacked {
			passes = 2
		}
		skip := r.IntN(passes) // the p halves come first, then the q halves
		window := 1 + r.IntN(windows(size*4)-1)
		lane := r.IntN(n)
		victim := lane
		if n <= MaxPacked && site.half && r.IntN(2) == 1 {
			lane += MaxPacked
		}
		done, changed := false, true
		w.hook = func(at step, i int) {
			if at != site.at || at == stepWindow && i != window || done {
				return
			}
			if site.half && skip > 0 {
				skip--
				return
			}
			done = true
			v := site.words(w)
			word, bit := r.IntN(len(v)), uint(r.IntN(digitBits))
			if site.table {
				// A fault in a power that no later window uses does nothing, and should do nothing.
				word = word/tableSize*tableSize + r.IntN(tableSize)
				changed = used(&w.x, lane, word%tableSize)
			}
			v[word][lane] ^= 1 << bit
		}
		ok := w.Sign(&keys, &in, &out, n)
		w.hook = nil
		if !done {
			t.Fatalf("%s: the hook was not called", site.name)
		}
		for l := range n {
			good := string(out[l]) == string(want[l])
			zero := string(out[l]) == string(make([]byte, size))
			set := ok>>l&1 == 1
			switch {
			case l != victim && (!set || !good):
				t.Fatalf("round %d, %s: lane %d of %d suffers from a fault in lane %d", round, site.name, l, n, victim)
			case set && !good:
				t.Fatalf("round %d, %s: lane %d of %d is wrong and called right", round, site.name, l, n)
			case !set && !zero:
				t.Fatalf("round %d, %s: lane %d of %d failed and leaves a result", round, site.name, l, n)
			case l == victim && set && changed && !site.mayBeHarmless:
				t.Fatalf("round %d, %s: a fault in lane %d of %d had no effect", round, site.name, l, n)
			case l == victim && set:
				harmless[site.name]++
			}
		}
	}
	t.Log("faults without effect on the result:", harmless)
}

// used reports whether a window of the exponent in lane l picks the power j.
func used(x *exponentiation, l, j int) bool {
	for _, win := range x.exp[l] {
		if int(win) == j {
			return true
		}
	}
	return false
}

// faultSites are the data that a fault may hit.
var faultSites = []struct {
	name  string
	at    step
	half  bool // within an exponentiation: a packed pass does it in two lanes for each operation
	table bool
	// mayBeHarmless is true for words that, in some cases, are not read again.
	mayBeHarmless bool
	words         func(w *Workspace) []vec
}{
	{"message before", stepLoad, false, false, false, func(w *Workspace) []vec { return w.m }},
	{"table", stepTable, true, true, false, func(w *Workspace) []vec { return w.x.table }},
	{"constants of a prime", stepTable, true, false, false, constants},
	{"window", stepWindow, true, false, false, func(w *Workspace) []vec { return w.x.acc }},
	{"residue modulo p", stepHalves, false, false, false, func(w *Workspace) []vec { return w.mp }},
	{"residue modulo q", stepHalves, false, false, false, func(w *Workspace) []vec { return w.mq }},
	{"q", stepHalves, false, false, false, func(w *Workspace) []vec { return w.qd }},
	{"qinv", stepHalves, false, false, false, func(w *Workspace) []vec { return w.qinv }},
	{"p in the recombination", stepHalves, false, false, true, func(w *Workspace) []vec { return w.p.n() }},
	{"signature", stepRecombine, false, false, false, func(w *Workspace) []vec { return w.s }},
	{"message after", stepRecombine, false, false, false, func(w *Workspace) []vec { return w.m }},
	{"modulus in the check", stepRecombine, false, false, true, func(w *Workspace) []vec { return w.n.n() }},
	{"power in the check", stepVerify, false, false, false, func(w *Workspace) []vec { return w.v.acc }},
}

// constants are the constants of the prime whose half is computed, as far as its kernels read them.
// That of the q half is loaded after the p half.
func constants(w *Workspace) []vec {
	f := &w.p
	if w.q.mod[offK] != (vec{}) {
		f = &w.q
	}
	if f.schoolbook {
		return f.mod[:f.foldTen()]
	}
	return f.mod[:f.rr()]
}

// TestWrongKeys shows that a key that was spoilt after its preparation yields no signature.
func TestWrongKeys(t *testing.T) {
	everyImpl(t, func(t *testing.T) {
		w := workspace(t, 256)
		r := rand.New(rand.NewPCG(3, 3))
		digest := sha256.Sum256(nil)
		for range rounds(8) {
			var keys [MaxBatch]*Key
			var in, out [MaxBatch][]byte
			for l := range 3 {
				keys[l], in[l], out[l] = prepared(t, testKeys()[256][l]), padded(256, digest[:]), make([]byte, 256)
			}
			for _, x := range [][]uint64{keys[1].p[1:21], keys[1].q[1:21], keys[1].qinv} {
				i, bit := r.IntN(19), r.IntN(digitBits)
				x[i] ^= 1 << bit
				if ok := w.Sign(&keys, &in, &out, 3); ok != 0b101 {
					t.Errorf("ok = %03b", ok)
				}
				x[i] ^= 1 << bit
			}
			for _, x := range [][]byte{keys[1].dp, keys[1].dq} {
				i := r.IntN(len(x))
				x[i] ^= 1
				if ok := w.Sign(&keys, &in, &out, 3); ok != 0b101 {
					t.Errorf("ok = %03b", ok)
				}
				x[i] ^= 1
			}
		}
	})
}

func TestRefusals(t *testing.T) {
	everyImpl(t, func(t *testing.T) {
		w := workspace(t, 256)
		digest := sha256.Sum256(nil)
		key, other := prepared(t, testKeys()[256][0]), prepared(t, testKeys()[384][0])
		wiped := prepared(t, testKeys()[256][1])
		wiped.Wipe()
		fresh := func() []byte { return padded(256, digest[:]) }
		keys := [MaxBatch]*Key{key, nil, other, wiped, key, key, key, key}
		in := [MaxBatch][]byte{fresh(), fresh(), fresh(), fresh(), fresh()[1:], fresh(), testKeys()[256][0].N.Bytes(), fresh()}
		out := [MaxBatch][]byte{fresh(), fresh(), fresh(), fresh(), fresh(), fresh()[:255], fresh(), fresh()}
		for n := 9; n >= -1; n-- {
			for l := range out {
				copy(out[l], fresh())
			}
			want := uint8(0b10000001) & uint8(1<<max(0, min(n, 8))-1)
			if ok := w.Sign(&keys, &in, &out, n); ok != want {
				t.Errorf("n = %d: ok = %08b, want %08b", n, ok, want)
			}
			for l := range max(0, min(n, 8)) {
				if l == 5 || want>>l&1 == 1 {
					continue
				}
				if string(out[l]) != string(make([]byte, 256)) {
					t.Errorf("n = %d: lane %d was refused and left something", n, l)
				}
			}
		}
		// A result may replace its message.
		same := [MaxBatch][]byte{fresh()}
		if ok := w.Sign(&keys, &same, &same, 1); ok != 1 {
			t.Error("in place: refused")
		}
		for i := range wiped.mem {
			if wiped.mem[i] != 0 {
				t.Fatal("a wiped key has words left")
			}
		}
	})
}
