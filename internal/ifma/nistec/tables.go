package nistec

import (
	"encoding/binary"
	"runtime"
	"unsafe"

	"asynccrypto/internal/ifma"
)

// A table has the multiples of points, affine, canonical, in Montgomery form: an entry is x and
// y in words of 64 bits. Entry 0 is empty, so that the digit 0 of the first window has an
// address too. Entry i·half+j, for j from 1 to half, is j times the point of window i.

// tables are those of the base point.
type tables struct {
	verify []vec
	bases  []vec // for fetch: the address of entry i·half in all lanes
	// sign has a table for lookup for each window.
	sign []vec
	// Signatures and their checks start with different points. Otherwise a fault in one would spoil
	// both alike.
	signing, verifying ends
}

// ends are the points with which sums start and end.
type ends struct {
	// offsets are the points that the two sums start with: a different multiple of offset in each
	// lane.
	offsets [2][]vec
	// corrections are the points that are subtracted from a sum at its end: the multiples of the
	// offsets that it then contains.
	corrections map[plan][]vec
}

// plan says how a sum is computed.
type plan struct {
	// parts says how many windows of the second scalar have multiples of their own. The more there
	// are, the fewer doublings a sum needs.
	parts int
	// spread is the number of lanes that share an operation: 1, or 2, 4 or 8 where there are no
	// doublings and fewer operations than lanes. Lane p·(lanes/spread)+i has part p of operation
	// i.
	spread int
}

// spreadFor returns how many lanes can share each of n operations.
func spreadFor(n int) int {
	spread := 1
	for spread < lanes && n*2*spread <= lanes {
		spread *= 2
	}
	return spread
}

// compactParts is the number of parts of a compact table.
const compactParts = 4

func (c *Curve) newTables() *tables {
	t := &tables{
		verify: c.newTable(c.verify.n * c.verify.half()),
		sign:   ifma.NewVecs(c.sign.n * c.tableWords()),
	}
	b := c.newBuilder(64)
	groups := b.bases(c.g, c.verify.w, c.verify.n)
	b.fill(t.verify, groups, c.verify)
	t.bases = ifma.NewVecs(c.verify.n)
	for i := range t.bases {
		fill(&t.bases[i], c.address(t.verify, i*c.verify.half()))
	}

	groups = b.bases(c.g, c.sign.w, c.sign.n)
	plain := c.newTable(c.sign.n * c.sign.half())
	b.fill(plain, groups, c.sign)
	for i := range c.sign.n {
		dst := words(t.sign[i*c.tableWords():][:c.tableWords()])
		for j := range c.sign.half() {
			for k, x := range words(c.entryOf(plain, i*c.sign.half()+j+1))[:c.size/4] {
				dst[k*c.sign.half()+j] = x
			}
		}
	}

	groups = b.bases(c.offset, 1, 4*lanes)
	all := c.key.n
	t.signing = b.ends(groups[6*c.digits:], plan{all, 1}, plan{all, 2}, plan{all, 4}, plan{all, 8})
	t.verifying = b.ends(groups[:6*c.digits],
		plan{1, 1}, plan{compactParts, 1}, plan{all, 1}, plan{all, 2}, plan{all, 4}, plan{all, 8})
	return t
}

// ends returns the ends of sums that start with two groups of points.
func (b *builder) ends(groups []vec, plans ...plan) ends {
	d := b.c.digits
	e := ends{corrections: make(map[plan][]vec)}
	for i := range e.offsets {
		e.offsets[i] = groups[i*3*d:][:2*d]
	}
	for _, p := range plans {
		e.corrections[p] = b.correction(&e, p)
	}
	return e
}

func (b *builder) correction(t *ends, p plan) []vec {
	c := b.c
	st, other, tmp := b.st[0], b.st[1], ifma.NewVecs(5*c.digits)
	c.start(st, t.offsets[0])
	if p.spread > 1 {
		c.unite(st, other, tmp, p.spread)
	} else {
		if per := c.perPart(p.parts); per > 1 {
			c.doubleMany(st, c.key.w*(per-1))
		}
		c.addAffine(st, t.offsets[1], 0, 0)
	}
	sum := ifma.NewVecs(3 * c.digits)
	copy(sum, st)
	b.normalize(sum)
	return sum[:2*c.digits]
}

// unite adds up, in each lane, the sums of the lanes that share its operation.
func (c *Curve) unite(st, other, tmp []vec, spread int) {
	for by := lanes / 2; by >= lanes/spread; by /= 2 {
		rotate(other[:3*c.digits], st, by)
		c.join(st, other, tmp)
	}
}

// join adds other to st.
func (c *Curve) join(st, other, tmp []vec) {
	d := c.digits
	copy(tmp[:3*d], other)
	c.sqr(tmp[3*d:4*d], other[2*d:3*d])
	c.mul(tmp[4*d:5*d], tmp[3*d:4*d], other[2*d:3*d])
	c.add(st, tmp)
}

// perPart returns the number of windows in each part.
func (c *Curve) perPart(parts int) int { return (c.key.n + parts - 1) / parts }

// newTable returns a table with room for n entries behind the empty one.
func (c *Curve) newTable(n int) []vec { return ifma.NewVecs((n + 1) * c.entryVecs()) }

// entryVecs is the number of vectors of an entry.
func (c *Curve) entryVecs() int { return int(c.entrySize()) / (8 * lanes) }

func (c *Curve) entryOf(table []vec, i int) []vec {
	v := c.entryVecs()
	return table[i*v:][:v]
}

// address returns the address of entry i. The caller keeps the table alive.
func (c *Curve) address(table []vec, i int) uint64 {
	return uint64(uintptr(unsafe.Pointer(&c.entryOf(table, i)[0])))
}

func words(v []vec) []uint64 { return unsafe.Slice(&v[0][0], len(v)*lanes) }

// start sets st to an affine point, with Z = 1, or ZZ = ZZZ = 1.
func (c *Curve) start(st, p []vec) {
	d := c.digits
	copy(st[:2*d], p)
	copy(st[2*d:3*d], c.p.one)
	copy(st[3*d:4*d], c.p.one)
}

// toJacobian replaces ZZ and ZZZ by a Z. That of the Jacobian coordinates X·ZZ², Y·ZZZ² is ZZZ.
func (c *Curve) toJacobian(st []vec) {
	d := c.digits
	x, y, zz, zzz, t := st[:d], st[d:2*d], st[2*d:3*d], st[3*d:4*d], st[4*d:5*d]
	c.sqr(t, zz)
	c.mul(x, x, t)
	c.sqr(t, zzz)
	c.mul(y, y, t)
	copy(zz, zzz)
}

// doubleMany doubles n times, in calls short enough that the scheduler can stop this goroutine
// between them.
func (c *Curve) doubleMany(st []vec, n int) {
	for n > 0 {
		k := min(n, 16)
		c.double(st, k)
		n -= k
	}
}

// builder computes tables, eight points at a time. Everything in it is public.
type builder struct {
	c      *Curve
	st     [2][]vec
	tmp    []vec
	prefix []vec
	points []vec
	to     []vec // addresses
}

func (c *Curve) newBuilder(points int) *builder {
	d := c.digits
	b := &builder{c: c, tmp: ifma.NewVecs(7 * d), to: ifma.NewVecs(1)}
	for i := range b.st {
		b.st[i] = ifma.NewVecs(stateWords * d)
	}
	b.grow(points)
	return b
}

// grow makes room for n Jacobian points in each lane.
func (b *builder) grow(n int) {
	if len(b.points) < n*3*b.c.digits {
		b.points, b.prefix = ifma.NewVecs(n*3*b.c.digits), ifma.NewVecs(n*b.c.digits)
	}
}

// bases returns 2^(shift·i) times p, affine, for i below n: number i in lane i mod 8 of group i/8.
// Lanes to spare have p.
func (b *builder) bases(p []vec, shift, n int) (groups []vec) {
	d := b.c.digits
	st := b.st[0]
	b.c.start(st, p)
	groups = ifma.NewVecs((n + lanes - 1) / lanes * 3 * d)
	for i := 0; i < len(groups); i += 3 * d {
		copy(groups[i:i+3*d], st)
	}
	for i := range n {
		copyLane(groups[i/lanes*3*d:][:3*d], i%lanes, st, 0)
		if i < n-1 {
			b.c.doubleMany(st, shift)
		}
	}
	b.normalize(groups)
	return groups
}

// normalize replaces Jacobian points by affine ones, with Z undefined. It makes one inversion for
// all (Montgomery's trick).
func (b *builder) normalize(points []vec) {
	c, d := b.c, b.c.digits
	n := len(points) / (3 * d)
	b.grow(n)
	z := func(i int) []vec { return points[(3*i+2)*d:][:d] }
	prefix := func(i int) []vec { return b.prefix[i*d:][:d] }
	copy(prefix(0), z(0))
	for i := 1; i < n; i++ {
		c.mul(prefix(i), prefix(i-1), z(i))
	}
	inv, zi, zz := b.tmp[:d], b.tmp[d:2*d], b.tmp[2*d:3*d]
	c.p.invert(inv, prefix(n-1), b.tmp[3*d:])
	for i := n - 1; i >= 0; i-- {
		if i > 0 {
			c.mul(zi, inv, prefix(i-1))
			c.mul(inv, inv, z(i))
		} else {
			copy(zi, inv)
		}
		p := points[3*i*d:][:2*d]
		c.sqr(zz, zi)
		c.mul(p[:d], p[:d], zz)
		c.mul(zz, zz, zi)
		c.mul(p[d:], p[d:], zz)
	}
}

// multiples computes 2 to half times each of the points in groups, affine: those of group g in
// b.points from 3d·g·(half-1) on.
func (b *builder) multiples(groups []vec, half int) {
	c, d := b.c, b.c.digits
	n := len(groups) / (3 * d)
	b.grow(n * (half - 1))
	for g := 0; g < n; g += 2 {
		var base [2][]vec
		for k := range base {
			base[k] = groups[min(g+k, n-1)*3*d:][:2*d]
			c.start(b.st[k], base[k])
		}
		for j := range half - 1 {
			switch {
			case j == 0:
				c.double(b.st[0], 1)
				c.double(b.st[1], 1)
			case g+1 < n:
				c.addAffine2(b.st[0], b.st[1], base[0], base[1], 0, 0, 0, 0)
			default:
				c.addAffine(b.st[0], base[0], 0, 0)
			}
			for k := range min(2, n-g) {
				copy(b.points[((g+k)*(half-1)+j)*3*d:][:3*d], b.st[k])
			}
		}
	}
	b.normalize(b.points[:n*(half-1)*3*d])
}

// fill writes the multiples of the points in groups into table.
func (b *builder) fill(table, groups []vec, s windows) {
	d, half := b.c.digits, s.half()
	b.multiples(groups, half)
	for i := 0; i < s.n; i += lanes {
		g := i / lanes
		for j := 1; j <= half; j++ {
			p := groups[g*3*d:]
			if j > 1 {
				p = b.points[(g*(half-1)+j-2)*3*d:]
			}
			for l := range lanes {
				entry := 0 // that of the lanes to spare
				if i+l < s.n {
					entry = (i+l)*half + j
				}
				b.to[0][l] = b.c.address(table, entry)
			}
			b.c.store(&b.to[0], p[:2*d])
		}
	}
	runtime.KeepAlive(table)
}

// onCurve returns all ones in each lane where y² = x³ - 3x + b.
func (c *Curve) onCurve(p, tmp []vec) vec {
	d := c.digits
	x, y := p[:d], p[d:2*d]
	left, right, xx := tmp[:d], tmp[d:2*d], tmp[2*d:3*d]
	sum := func(a, b []vec) { // of numbers below p
		add(a, b)
		c.p.reduce(a)
	}
	c.mul(xx, x, c.p.one)
	c.p.reduce(xx)
	// y² + 3x = x³ + b
	c.sqr(left, y)
	c.p.reduce(left)
	for range 3 {
		sum(left, xx)
	}
	c.sqr(right, x)
	c.mul(right, right, x)
	c.p.reduce(right)
	sum(right, c.b)
	return equal(left, right)
}

// inRange reports whether b is a number of c.size bytes with 0 < b < m. It is for public data.
func (c *Curve) inRange(b []byte, m *modulus) bool {
	if len(b) != c.size {
		return false
	}
	zero := uint64(0)
	for i := 0; i < len(b); i += 8 {
		zero |= binary.BigEndian.Uint64(b[i:])
	}
	return zero != 0 && string(b) < string(m.bytes)
}
