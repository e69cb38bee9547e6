package curve25519

import (
	"bytes"
	"crypto/sha512"
	"flag"
	"math/rand/v2"
	"testing"

	"asynccrypto/internal/ifma"
)

var faults = flag.Int("faults", rounds(2000), "faults to put into signatures; CI=true makes fifty times as many")

// batch is eight messages, and what the standard library signs them with.
type batch struct {
	keys                [MaxBatch]*PrivateKey
	dom, messages, sigs [MaxBatch][]byte
	want                [MaxBatch][]byte

	helper int // a lane that works for the one that gets a fault, or that one itself
}

func newBatch(t testing.TB, r *rand.Rand) *batch {
	b := new(batch)
	for l := range b.keys {
		s := newSigner(t, r, l%2 == 1)
		b.keys[l] = s.private
		b.messages[l], b.sigs[l] = randomBytes(r, 40), make([]byte, SignatureSize)
		var err error
		if b.want[l], err = s.std.Sign(nil, b.messages[l], noOptions); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// fault is where a bit is flipped. spoil flips one in the given lane, and returns how to flip it
// back after the signature, or nil where the memory is of one batch only.
type fault struct {
	name string
	at   []step
	// others: the fault is in memory that other lanes use, too.
	others bool
	spoil  func(w *Workspace, b *batch, l int, r *rand.Rand) (restore func())
}

// rowsFault flips a bit of a word in the lane.
func rowsFault(rows func(w *Workspace) []vec) func(w *Workspace, b *batch, l int, r *rand.Rand) func() {
	return func(w *Workspace, _ *batch, l int, r *rand.Rand) func() {
		v := rows(w)
		v[r.IntN(len(v))][l] ^= 1 << r.IntN(64)
		return nil
	}
}

// flip flips a bit of b, and returns how to flip it back.
func flip(b []byte, r *rand.Rand) func() {
	i, bit := r.IntN(len(b)), byte(1)<<r.IntN(8)
	b[i] ^= bit
	return func() { b[i] ^= bit }
}

// flipWord flips a bit of one of the words, in any lane.
func flipWord(v []vec, r *rand.Rand) func() {
	x, bit := &v[r.IntN(len(v))][r.IntN(lanes)], uint64(1)<<r.IntN(64)
	*x ^= bit
	return func() { *x ^= bit }
}

// anyStep are the steps before the last look at the key.
var anyStep = []step{stepNonce, stepDigits, stepWindow, stepEncoded, stepSignature, stepAgain, stepCheck}

var faultSites = []fault{
	{"nonce", []step{stepNonce}, false, func(w *Workspace, _ *batch, l int, r *rand.Rand) func() {
		w.scalars[l][r.IntN(4)] ^= 1 << r.IntN(64)
		return nil
	}},
	{"digits of the nonce", []step{stepDigits}, false, rowsFault(func(w *Workspace) []vec { return w.secret.magnitude[:secretWindows] })},
	{"signs of the digits", []step{stepDigits}, false, func(w *Workspace, _ *batch, l int, r *rand.Rand) func() {
		w.secret.negative[r.IntN(secretWindows)] ^= 1 << l
		return nil
	}},
	{"zeros of the digits", []step{stepDigits}, false, func(w *Workspace, _ *batch, l int, r *rand.Rand) func() {
		w.secret.zero[r.IntN(secretWindows)] ^= 1 << l
		return nil
	}},
	{"sum", []step{stepWindow}, false, func(w *Workspace, b *batch, _ int, r *rand.Rand) func() {
		w.point[r.IntN(pointValue)][b.helper] ^= 1 << r.IntN(64)
		return nil
	}},
	{"no sum", []step{stepWindow}, false, func(w *Workspace, b *batch, _ int, r *rand.Rand) func() {
		for i := range pointValue {
			w.point[i][b.helper] = 0
		}
		return nil
	}},
	{"sum of the check", []step{stepCheck}, false, rowsFault(func(w *Workspace) []vec { return w.point[:pointValue] })},
	{"no sum of the check", []step{stepCheck}, false, func(w *Workspace, _ *batch, l int, r *rand.Rand) func() {
		for i := range pointValue {
			w.point[i][l] = 0
		}
		return nil
	}},
	{"affine coordinates", []step{stepEncoded, stepSignature, stepCheck}, false, func(w *Workspace, _ *batch, l int, r *rand.Rand) func() {
		[][]vec{w.affineX, w.affineY}[r.IntN(2)][r.IntN(digits)][l] ^= 1 << r.IntN(64)
		return nil
	}},
	{"encoding", []step{stepEncoded}, false, func(w *Workspace, _ *batch, l int, r *rand.Rand) func() {
		flip(w.encoded[l][:], r)
		return nil
	}},
	{"signature", []step{stepSignature, stepAgain, stepCheck}, false, func(_ *Workspace, b *batch, l int, r *rand.Rand) func() {
		flip(b.sigs[l], r)
		return nil
	}},
	{"scalars of the check", []step{stepAgain}, false, func(w *Workspace, _ *batch, l int, r *rand.Rand) func() {
		[]*[lanes]words{&w.scalars, &w.second}[r.IntN(2)][l][r.IntN(4)] ^= 1 << r.IntN(64)
		return nil
	}},
	{"message", []step{stepNonce, stepEncoded}, false, func(_ *Workspace, b *batch, l int, r *rand.Rand) func() {
		return flip(b.messages[l], r)
	}},
	{"prefix", anyStep, false, func(_ *Workspace, b *batch, l int, r *rand.Rand) func() {
		return flip(b.keys[l].prefix[:], r)
	}},
	{"no prefix", anyStep, false, func(_ *Workspace, b *batch, l int, r *rand.Rand) func() {
		before := b.keys[l].prefix
		clear(b.keys[l].prefix[:])
		return func() { b.keys[l].prefix = before }
	}},
	{"scalar", anyStep, false, func(_ *Workspace, b *batch, l int, r *rand.Rand) func() {
		i, bit := r.IntN(4), uint64(1)<<r.IntN(64)
		b.keys[l].scalar[i] ^= bit
		return func() { b.keys[l].scalar[i] ^= bit }
	}},
	{"public key", anyStep, false, func(_ *Workspace, b *batch, l int, r *rand.Rand) func() {
		return flip(b.keys[l].public.bytes[:], r)
	}},
	{"table of the key", anyStep, false, func(_ *Workspace, b *batch, l int, r *rand.Rand) func() {
		return flipWord(b.keys[l].public.table.rows, r)
	}},
	{"secret table", []step{stepDigits, stepWindow}, true, func(_ *Workspace, _ *batch, _ int, r *rand.Rand) func() {
		return flipWord(secretTable(), r)
	}},
	{"public table", anyStep, true, func(_ *Workspace, _ *batch, _ int, r *rand.Rand) func() {
		return flipWord(baseTable().rows, r)
	}},
}

// TestFaults flips one bit of a signature at a time, in every kind of data. The lane with the
// fault must give the right signature or none, and its neighbours must give theirs.
func TestFaults(t *testing.T) {
	if ok, why := ifma.Supported(); !ok {
		t.Skip(why)
	}
	r := newRand(12)
	w, b := workspace(t), newBatch(t, r)
	harmless := make(map[string]int)
	caught := make(map[string]int)
	for range *faults {
		site := faultSites[r.IntN(len(faultSites))]
		n := 1 + r.IntN(MaxBatch)
		victim, ops := r.IntN(n), operationsFor(n)
		b.helper = victim + ops*r.IntN(lanes/ops)
		at, window := site.at[r.IntN(len(site.at))], r.IntN((secretWindows*ops+lanes-1)/lanes)
		done := false
		restore := func() {}
		w.hook = func(s step, i int) {
			if done || s != at || s == stepWindow && i != window {
				return
			}
			done = true
			if f := site.spoil(w, b, victim, r); f != nil {
				restore = f
			}
		}
		ok := w.Sign(&b.keys, &b.dom, &b.messages, &b.sigs, n)
		w.hook = nil
		restore()
		if !done {
			t.Fatalf("%s: step %d was not reached", site.name, at)
		}
		for l := range n {
			set, good := ok>>l&1 == 1, bytes.Equal(b.sigs[l], b.want[l])
			switch {
			case set && !good:
				t.Fatalf("%s at step %d: lane %d of %d is wrong and called right", site.name, at, l, n)
			case !set && !bytes.Equal(b.sigs[l], make([]byte, SignatureSize)):
				t.Fatalf("%s at step %d: lane %d of %d failed and leaves a signature", site.name, at, l, n)
			case l != victim && !set && !site.others:
				t.Fatalf("%s at step %d: lane %d of %d suffers from a fault in lane %d", site.name, at, l, n, victim)
			case l == victim && set:
				harmless[site.name]++
			case l == victim:
				caught[site.name]++
			}
		}
	}
	t.Log("caught:", caught)
	t.Log("without effect on the signature:", harmless)
	for _, site := range faultSites {
		if caught[site.name] == 0 && *faults >= 2000 && !site.others {
			t.Errorf("%s: no fault was caught", site.name)
		}
	}
}

// TestFaultsOfX25519 flips bits while secrets and public keys are computed. Nothing checks those,
// but a fault must not reach another lane.
func TestFaultsOfX25519(t *testing.T) {
	if ok, why := ifma.Supported(); !ok {
		t.Skip(why)
	}
	r := newRand(19)
	w := workspace(t)
	var out, scalars, points, secrets, publics [MaxBatch][]byte
	for l := range out {
		out[l], scalars[l], points[l] = make([]byte, ScalarSize), randomBytes(r, ScalarSize), randomBytes(r, ScalarSize)
		secrets[l], publics[l] = make([]byte, ScalarSize), make([]byte, ScalarSize)
	}
	w.X25519(&secrets, &scalars, &points, MaxBatch)
	w.BasePoint(&publics, &scalars, MaxBatch)
	wrong := 0
	for range *faults / 5 {
		victim := r.IntN(lanes)
		at, i, want := stepLadder, r.IntN(256/ladderSteps), &secrets
		if r.IntN(2) == 0 {
			at, i, want = stepWindow, r.IntN(secretWindows), &publics
		}
		w.hook = func(s step, j int) {
			if s == at && i == j {
				w.point[r.IntN(pointValue)][victim] ^= 1 << r.IntN(64)
			}
		}
		if at == stepLadder {
			w.X25519(&out, &scalars, &points, MaxBatch)
		} else {
			w.BasePoint(&out, &scalars, MaxBatch)
		}
		w.hook = nil
		for l := range out {
			if bytes.Equal(out[l], want[l]) {
				continue
			}
			if l != victim {
				t.Fatalf("lane %d suffers from a fault in lane %d", l, victim)
			}
			wrong++
		}
	}
	if wrong == 0 {
		t.Error("no fault had an effect")
	}
}

// TestRefusals has operations that a batch refuses, and sees that the others are not affected.
func TestRefusals(t *testing.T) {
	everyImpl(t, func(t *testing.T) {
		r := newRand(13)
		w, b := workspace(t), newBatch(t, r)
		wiped := newSigner(t, r, true).private
		wiped.Wipe()
		if wiped.scalar != (words{}) || wiped.prefix != [32]byte{} {
			t.Error("a wiped key has something left")
		}
		b.keys[1], b.keys[2] = nil, wiped
		b.sigs[3], b.sigs[4] = make([]byte, 63), nil
		for n := 9; n >= -1; n-- {
			all := uint8(1<<max(0, min(n, 8)) - 1)
			for _, s := range b.sigs {
				copy(s, bytes.Repeat([]byte{7}, 64))
			}
			if ok := w.Sign(&b.keys, &b.dom, &b.messages, &b.sigs, n); ok != 0b11100001&all {
				t.Errorf("Sign, n = %d: ok = %08b", n, ok)
			}
			if !empty(w) {
				t.Fatal("Sign leaves something in the workspace")
			}
			for l := range b.sigs {
				var want []byte
				switch {
				case l >= n, l == 3:
					want = bytes.Repeat([]byte{7}, len(b.sigs[l]))
				case 0b11100001>>l&1 == 1:
					want = b.want[l]
				default:
					want = make([]byte, len(b.sigs[l]))
				}
				if !bytes.Equal(b.sigs[l], want) {
					t.Errorf("Sign, n = %d: lane %d has %x", n, l, b.sigs[l])
				}
			}
		}

		var keys [MaxBatch]*PublicKey
		var pubs [MaxBatch][]byte
		for l, k := range newBatch(t, newRand(13)).keys {
			keys[l], pubs[l], b.sigs[l] = k.Public(), k.Public().Bytes(), b.want[l]
		}
		keys[1], pubs[1] = nil, nil
		pubs[2], keys[2] = bytes.Repeat([]byte{2}, PublicKeySize), nil // no point of the curve
		b.sigs[3], b.sigs[4] = b.want[3][:63], nil
		for n := 9; n >= -1; n-- {
			all := uint8(1<<max(0, min(n, 8)) - 1)
			if valid := w.Verify(&keys, &b.dom, &b.messages, &b.sigs, n); valid != 0b11100001&all {
				t.Errorf("Verify, n = %d: valid = %08b", n, valid)
			}
			if valid := w.VerifyAny(&pubs, &b.dom, &b.messages, &b.sigs, n); valid != 0b11100001&all {
				t.Errorf("VerifyAny, n = %d: valid = %08b", n, valid)
			}
		}

		var out, scalars, points [MaxBatch][]byte
		for l := range out {
			out[l], scalars[l], points[l] = randomBytes(r, ScalarSize), randomBytes(r, ScalarSize), randomBytes(r, ScalarSize)
		}
		out[1], scalars[2], points[3] = nil, scalars[2][:31], append(points[3], 0)
		for n := 9; n >= -1; n -= 2 {
			all := uint8(1<<max(0, min(n, 8)) - 1)
			if nonzero := w.X25519(&out, &scalars, &points, n); nonzero != 0b11110001&all {
				t.Errorf("X25519, n = %d: nonzero = %08b", n, nonzero)
			}
			if n >= 4 && (!bytes.Equal(out[2], make([]byte, 32)) || !bytes.Equal(out[3], make([]byte, 32))) {
				t.Error("an operation that was refused left something")
			}
			if ok := w.BasePoint(&out, &scalars, n); ok != 0b11111001&all {
				t.Errorf("BasePoint, n = %d: ok = %08b", n, ok)
			}
			if !empty(w) {
				t.Fatal("a secret is left in the workspace")
			}
		}
	})
}

// empty reports whether the workspace holds nothing that can be secret. [TestHashIsWiped] looks at
// the memory of the hash.
func empty(w *Workspace) bool {
	for _, word := range w.mem[:len(w.mem)-len(w.table)] {
		if word != (vec{}) {
			return false
		}
	}
	for _, d := range []*signedDigits{&w.secret, &w.base, &w.key, &w.compact} {
		for i := range d.negative {
			if d.negative[i]|d.zero[i] != 0 {
				return false
			}
		}
	}
	nothing := [lanes]words{}
	return w.scalars == nothing && w.second == nothing && w.again == nothing &&
		w.digest == [sha512.Size]byte{} && w.encoded == [lanes][32]byte{}
}

// TestAllocations shows that a workspace is all the memory that a batch needs.
func TestAllocations(t *testing.T) {
	if ok, why := ifma.Supported(); !ok {
		t.Skip(why)
	}
	r := newRand(16)
	w, b := workspace(t), newBatch(t, r)
	var public [MaxBatch]*PublicKey
	var pubs, out [MaxBatch][]byte
	for l, k := range b.keys {
		public[l], pubs[l], out[l] = k.Public(), k.Public().Bytes(), make([]byte, ScalarSize)
	}
	for name, f := range map[string]func(){
		"Sign":      func() { w.Sign(&b.keys, &b.dom, &b.messages, &b.sigs, MaxBatch) },
		"Verify":    func() { w.Verify(&public, &b.dom, &b.messages, &b.sigs, MaxBatch) },
		"VerifyAny": func() { w.VerifyAny(&pubs, &b.dom, &b.messages, &b.sigs, MaxBatch) },
		"X25519":    func() { w.X25519(&out, &pubs, &pubs, MaxBatch) },
		"BasePoint": func() { w.BasePoint(&out, &pubs, MaxBatch) },
	} {
		if n := testing.AllocsPerRun(20, f); n > 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
}

// TestKeys has keys that are refused.
func TestKeys(t *testing.T) {
	everyImpl(t, func(t *testing.T) {
		r := newRand(14)
		s := newSigner(t, r, true)
		for _, n := range []int{0, 31, 33, 64} {
			if _, err := NewPrivateKey(make([]byte, n), nil, true); err == nil {
				t.Errorf("a seed of %d bytes is taken", n)
			}
			if _, err := NewPublicKey(make([]byte, n), true); err != ErrPublicKey {
				t.Errorf("a public key of %d bytes: %v", n, err)
			}
		}
		if _, err := NewPrivateKey(s.std.Seed(), newSigner(t, r, true).pub, true); err != ErrMismatch {
			t.Errorf("the public key of another key: %v", err)
		}
		if _, err := NewPrivateKey(s.std.Seed(), s.pub[:31], true); err != ErrMismatch {
			t.Errorf("a public key of 31 bytes: %v", err)
		}
		if public := s.private.Public().Bytes(); !bytes.Equal(public, s.pub) {
			t.Errorf("public key %x, want %x", public, s.pub)
		}
	})
}

func TestWithoutKernels(t *testing.T) {
	if ok, _ := ifma.Supported(); ok {
		t.Skip("the kernels are there")
	}
	if _, err := NewWorkspace(); err != ifma.ErrUnsupported {
		t.Error(err)
	}
	if _, err := NewPublicKey(make([]byte, PublicKeySize), true); err != ifma.ErrUnsupported {
		t.Error(err)
	}
	if _, err := NewPrivateKey(make([]byte, SeedSize), nil, true); err != ifma.ErrUnsupported {
		t.Error(err)
	}
}
