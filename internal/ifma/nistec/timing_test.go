package nistec

import (
	"crypto"
	"crypto/subtle"
	"math/big"
	"math/rand/v2"
	"testing"

	"asynccrypto/internal/ifma"
	"asynccrypto/internal/ifma/divsteps"
	"asynccrypto/internal/ifma/ifmatest"
)

// timed has one set of secrets, in one place, whose contents change: the classes of inputs must
// differ in nothing but values.
type timed struct {
	c      testCurve
	r      *rand.Rand
	w      *Workspace
	b      *batch
	fixed  []byte // the fixed class's key, nonce and hash
	key    PrivateKey
	x      divsteps.Number
	table  []vec
	digits []vec // of x
	mag    []vec

	pairs  []pair
	d      []byte    // the private key of a pair
	public PublicKey // that of d
}

// pair is a private key with its public key.
type pair struct {
	d, point []byte
}

func newTimed(t *testing.T, c testCurve) *timed {
	s := &timed{c: c, r: rand.New(rand.NewPCG(9, 9)), w: workspace(t, c.Curve), b: newBatch(t, c)}
	s.fixed = c.bytes(big.NewInt(1))
	s.key = *keysOf[c.name]()[0].priv
	s.key.d, s.key.mon = make([]byte, c.size), ifma.NewVecs(c.digits)
	for l := range s.b.privs {
		s.b.privs[l] = &s.key
		s.b.hashes[l] = make([]byte, c.size)
	}
	s.b.results(c)
	s.table, s.mag = c.tables().sign[:c.tableWords()], ifma.NewVecs(1)
	s.digits = ifma.NewVecs(c.digits)
	s.pairs = newPairs(t, c)
	s.d, s.public = make([]byte, c.size), PublicKey{c: c.Curve, canonical: ifma.NewVecs(2 * c.digits)}
	return s
}

// newPairs returns pairs. The first one, of the fixed class, has 1 as its private key.
func newPairs(t *testing.T, c testCurve) (pairs []pair) {
	r := rand.New(rand.NewPCG(10, 10))
	for i := range 32 {
		d := big.NewInt(1)
		if i > 0 {
			random := make([]byte, c.size)
			for i := range random {
				random[i] = byte(r.Uint32())
			}
			d.SetBytes(random)
		}
		x, y := c.baseMult(d)
		pairs = append(pairs, pair{c.bytes(d), append(c.bytes(x), c.bytes(y)...)})
	}
	return pairs
}

// setPair chooses a pair. It reads all of them, in either class.
func (s *timed) setPair(fixed bool) {
	n := 1 + s.r.Uint64N(uint64(len(s.pairs)-1))
	n &^= ifmatest.ClassMask(fixed)
	point := make([]byte, 2*s.c.size)
	for i, p := range s.pairs {
		chosen := subtle.ConstantTimeEq(int32(i), int32(n))
		subtle.ConstantTimeCopy(chosen, s.d, p.d)
		subtle.ConstantTimeCopy(chosen, point, p.point)
	}
	x, y := s.public.canonical[:s.c.digits], s.public.canonical[s.c.digits:]
	setBytes(x, 0, point[:s.c.size])
	setBytes(y, 0, point[s.c.size:])
	setAll(s.public.canonical, s.public.canonical)
}

// choose fills dst with random bytes below n, or with the fixed ones, by the same instructions.
func (s *timed) choose(dst []byte, m uint64) {
	for i := range dst {
		x := byte(s.r.Uint32())
		if i == 0 {
			x &= 0x7f // below n
		}
		dst[i] = x ^ (x^s.fixed[i])&byte(m)
	}
}

func (s *timed) set(fixed bool) {
	m := ifmatest.ClassMask(fixed)
	s.choose(s.key.d, m)
	for i := range s.key.mon {
		x := s.r.Uint64() & (digitMask >> 4)
		s.key.mon[i][0] = x ^ (x^1)&m
	}
	for l := range MaxBatch {
		s.choose(s.b.nonces[l], m)
		s.choose(s.b.hashes[l], m)
		s.mag[0][l] = 1 + s.r.Uint64()%uint64(s.c.sign.half()-1)&^m
	}
	for i := range s.digits {
		fill(&s.digits[i], s.r.Uint64()&(digitMask>>20)&^m)
	}
	s.digits[0][0] |= 1 // the fixed number is 1
	s.x = limbsOf(s.digits, 0)
}

func (s *timed) compute(n int) {
	s.w.compute(&s.b.privs, &s.b.nonces, &s.b.hashes, &s.b.r, &s.b.s, n)
}

func (s *timed) rfc6979() {
	var nonce [maxSize]byte
	s.key.DeterministicNonce(nonce[:s.c.size], crypto.SHA256, s.b.hashes[0])
}

func (s *timed) hedged() {
	var nonce [maxSize]byte
	var entropy [entropySize]byte
	s.key.hedgedNonce(nonce[:s.c.size], s.b.hashes[0], entropy[:])
}

func (s *timed) hashed() { s.w.DeterministicNonces(&s.b.nonces, &s.b.privs, &s.b.hashes, 0xff) }

func (s *timed) hedgedHashed() {
	h := s.w.hashes
	for l := range MaxBatch {
		var entropy [entropySize]byte
		var buf [maxSize + entropySize + maxSize]byte
		setBlocks(&h.message, l, s.key.appendHedged(buf[:0], s.b.hashes[l], entropy[:]), 0)
	}
	h.hedged()
}

func (s *timed) prepare() {
	if _, err := s.c.NewPrivateKey(s.d, &s.public); err != nil {
		panic(err)
	}
}

func (s *timed) invert() {
	x := s.x
	s.c.n.inverter.Invert(&x)
}

func (s *timed) lookup() { s.c.kernels.lookup(s.w.ea, s.table, &s.mag[0]) }

// TestTiming compares fixed keys, nonces and hashes with random ones. What Sign does after
// Workspace.compute is a verification, of public numbers.
func TestTiming(t *testing.T) {
	ifmatest.NeedTiming(t)
	for _, c := range testCurves() {
		s := newTimed(t, c)
		n := ifmatest.Measurements()
		ifmatest.Constant(t, ifmatest.Subject{Name: "nistec/lookup/" + c.name, Set: s.set, Run: s.lookup}, n)
		ifmatest.Constant(t, ifmatest.Subject{Name: "nistec/inverse/" + c.name, Set: s.set, Run: s.invert}, n)
		ifmatest.Constant(t, ifmatest.Subject{Name: "nistec/RFC 6979/" + c.name, Set: s.set, Run: s.rfc6979}, n)
		ifmatest.Constant(t, ifmatest.Subject{Name: "nistec/hedged/" + c.name, Set: s.set, Run: s.hedged}, n)
		if c.size == hashSize {
			ifmatest.Constant(t, ifmatest.Subject{Name: "nistec/RFC 6979 in lanes/" + c.name, Set: s.set, Run: s.hashed}, n)
			ifmatest.Constant(t, ifmatest.Subject{Name: "nistec/hedged in lanes/" + c.name, Set: s.set, Run: s.hedgedHashed}, n)
		}
		ifmatest.Constant(t, ifmatest.Subject{Name: "nistec/NewPrivateKey/" + c.name, Set: s.setPair, Run: s.prepare}, n)
		ifmatest.Constant(t, ifmatest.Subject{Name: "nistec/Sign/8/" + c.name, Set: s.set, Run: func() { s.compute(8) }}, n/4)
		ifmatest.Constant(t, ifmatest.Subject{Name: "nistec/Sign/1/" + c.name, Set: s.set, Run: func() { s.compute(1) }}, n/4)
	}
}

// TestTimingFindsLeaks measures code that leaks on purpose.
func TestTimingFindsLeaks(t *testing.T) {
	ifmatest.NeedTiming(t)
	for _, c := range testCurves() {
		s := newTimed(t, c)
		leaky := map[string]func(){
			// Stops at the entry, as a search does.
			"lookup": func() {
				for e := range s.mag[0][0] {
					s.w.ea[0][0] ^= s.table[e/lanes][e%lanes]
					s.lookup()
				}
			},
			// Euclid's algorithm has more steps for a larger number.
			"inverse": func() { new(big.Int).ModInverse(big.NewInt(s.x[0]), c.n.big) },
			// Takes another nonce where the first is too small for somebody's taste.
			"RFC 6979": func() {
				s.rfc6979()
				if s.key.d[0] == 0 {
					s.rfc6979()
				}
			},
			"RFC 6979 in lanes": func() {
				s.hashed()
				if s.key.d[0] == 0 {
					s.rfc6979()
				}
			},
			// Multiplies by nonces without their leading zeros.
			"Sign": func() {
				s.compute(8)
				if s.b.nonces[0][0] != 0 {
					c.addAffine(s.w.a, s.w.ea, 0, 0)
				}
			},
		}
		if c.size == hashSize {
			leaky["hedged in lanes"] = func() {
				s.hedgedHashed()
				if s.key.d[0] == 0 {
					s.hedged()
				}
			}
		}
		for name, run := range leaky {
			ifmatest.FindsLeak(t, ifmatest.Subject{Name: "nistec/" + name + "/" + c.name + "/leaky", Set: s.set, Run: run})
		}
		// Adds nothing for a byte of the key that is 0.
		ifmatest.FindsLeak(t, ifmatest.Subject{Name: "nistec/NewPrivateKey/" + c.name + "/leaky", Set: s.setPair, Run: func() {
			s.prepare()
			for _, b := range s.d {
				if b != 0 {
					c.addAffine(s.w.a, s.w.ea, 0, 0)
				}
			}
		}})
	}
}
