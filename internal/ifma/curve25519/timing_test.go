package curve25519

import (
	"math/rand/v2"
	"testing"
	"time"

	"asynccrypto/internal/clock"
	"asynccrypto/internal/ifma"
	"asynccrypto/internal/ifma/ifmatest"
)

// timed is what the timing tests compute with: a batch whose secrets are fixed or random.
type timed struct {
	w                    *Workspace
	r                    *rand.Rand
	keys                 [lanes]*PrivateKey
	out, scalars, points [lanes][]byte
	dom, messages, sigs  [lanes][]byte
	table                []vec
	idx                  *vec
	seed                 []byte
}

func newTimed(t *testing.T) *timed {
	t.Helper()
	r := newRand(15)
	x := &timed{w: workspace(t), r: r, table: secretTable(), idx: &ifma.NewVecs(1)[0], seed: make([]byte, SeedSize)}
	for l := range lanes {
		x.keys[l] = newSigner(t, r, true).private
		x.out[l], x.scalars[l], x.points[l] = make([]byte, 32), make([]byte, 32), make([]byte, 32)
		x.messages[l], x.sigs[l] = make([]byte, 64), make([]byte, SignatureSize)
	}
	return x
}

// set prepares inputs. The classes must differ in nothing but values, so each input is made of a
// random one and the fixed one, which is 0, by the same instructions, in the same memory.
func (x *timed) set(fixed bool) {
	keep := ^ifmatest.ClassMask(fixed)
	fill := func(b []byte) {
		for i := range b {
			b[i] = byte(x.r.Uint32()) & byte(keep)
		}
	}
	fill(x.seed)
	for l := range lanes {
		fill(x.scalars[l])
		fill(x.points[l])
		x.points[l][0] |= 9 // the fixed point is the base point
		fill(x.messages[l])
		fill(x.keys[l].prefix[:])
		for i := range x.keys[l].scalar {
			x.keys[l].scalar[i] = x.r.Uint64() >> 4 & keep
		}
		x.idx[l] = x.r.Uint64N(secretEntries+1) & keep
		for i := range x.w.swaps {
			x.w.swaps[i][l] = x.r.Uint64() & keep
		}
	}
	randomNumbers(x.r, x.w.point, 5)
}

func (x *timed) lookup() { lookupEntries(x.w.entry, x.table, x.idx) }

func (x *timed) ladder() { ladder(x.w.point, &x.w.swaps[0], 4) }

// addMasked adds a point, with the bits of an index as masks.
func (x *timed) addMasked() { addAffine(x.w.point, x.w.entry, x.idx[0], x.idx[1]) }

func (x *timed) x25519() { x.w.X25519(&x.out, &x.scalars, &x.points, lanes) }

func (x *timed) basePoint() { x.w.BasePoint(&x.out, &x.scalars, lanes) }

func (x *timed) sign() { x.w.sign(&x.keys, &x.dom, &x.messages, &x.sigs, lanes) }

// newPrivateKey ends where the public key has been computed: it is not the one given. What
// NewPrivateKey does after that is to prepare the public key.
func (x *timed) newPrivateKey() {
	if _, err := NewPrivateKey(x.seed, x.seed, true); err != ErrMismatch {
		panic(err)
	}
}

// subjects are the functions that see secrets. Slow ones get fewer measurements: fewer is the
// divisor.
func (x *timed) subjects() map[string]struct {
	run   func()
	fewer int
} {
	return map[string]struct {
		run   func()
		fewer int
	}{
		"lookup":        {x.lookup, 1},
		"ladder":        {x.ladder, 1},
		"add":           {x.addMasked, 1},
		"X25519":        {x.x25519, 10},
		"BasePoint":     {x.basePoint, 4},
		"sign":          {x.sign, 4},
		"NewPrivateKey": {x.newPrivateKey, 1},
	}
}

// TestTiming compares secrets that are 0 with random ones. What it calls sign is Sign without the
// check, whose time depends on the signatures: they are public by then.
func TestTiming(t *testing.T) {
	ifmatest.NeedTiming(t)
	x := newTimed(t)
	for name, s := range x.subjects() {
		ifmatest.Constant(t, ifmatest.Subject{Name: "curve25519/" + name, Set: x.set, Run: s.run}, ifmatest.Measurements()/s.fewer)
	}
}

// TestTimingFindsLeaks measures code that leaks on purpose, as textbooks have it: it does nothing
// for a digit or a bit that is 0 in all lanes.
func TestTimingFindsLeaks(t *testing.T) {
	ifmatest.NeedTiming(t)
	x := newTimed(t)
	for name, run := range map[string]func(){
		"lookup": func() {
			if *x.idx != (vec{}) {
				x.lookup()
			}
		},
		"ladder": func() {
			if x.w.swaps[0] != (vec{}) {
				x.ladder()
			}
			x.ladder()
		},
		"add": func() {
			if x.idx[1] != 0 {
				x.addMasked()
			}
		},
		"X25519": func() {
			x.x25519()
			for _, s := range x.scalars {
				if s[0] != 0 {
					x.ladder()
				}
			}
		},
		"BasePoint": func() {
			x.basePoint()
			for _, s := range x.scalars {
				if s[0] != 0 {
					x.addMasked()
				}
			}
		},
		"sign": func() {
			x.sign()
			for _, k := range x.keys {
				if k.scalar[0] != 0 {
					x.addMasked()
				}
			}
		},
		"NewPrivateKey": func() {
			x.newPrivateKey()
			for _, b := range x.seed {
				if b != 0 {
					x.addMasked()
				}
			}
		},
	} {
		ifmatest.FindsLeak(t, ifmatest.Subject{Name: "curve25519/" + name + "/leaky", Set: x.set, Run: run})
	}
}

// TestTimingOfCalls shows that no call of a kernel takes long: nothing can stop a goroutine
// inside the assembly. The best of many calls is the kernel's own time.
func TestTimingOfCalls(t *testing.T) {
	ifmatest.NeedTiming(t)
	const limit = 20 * time.Microsecond
	x := newTimed(t)
	x.set(false)
	w := x.w
	for name, run := range map[string]func(){
		// The longest calls that there are.
		"ladder": func() { ladder(w.point, &w.swaps[0], ladderSteps) },
		"sqr":    func() { sqr(w.t, w.t, 100) },
		"double": func() { double(w.point, compactWidth*compactWindows/compactTables) },
		"recode": func() { recodeAll(&w.compact, w.x, compactWidth) },
		"gather": func() { gatherEntries(w.entry, w.table, &vec{}) },
		"lookup": x.lookup,
	} {
		best := time.Hour
		for range 200 {
			start := clock.Now()
			run()
			best = min(best, clock.Now()-start)
		}
		t.Logf("%s: %v", name, best)
		if best > limit && !testing.Short() {
			t.Errorf("%s takes %v", name, best)
		}
	}
}
