package curve25519

import (
	"sync"

	"asynccrypto/internal/ifma"
)

// The widths of the windows that scalars are cut into. Each window of w bits has a table of the
// multiples 1 to 2^(w-1) of its point, so no doublings are needed. Compact tables have four windows
// only, and there sixteen of four bits share each.
const (
	baseWidth      = 7 // of the base point, by public scalars: 296 KB
	baseWindows    = 37
	keyWidth       = 5 // of a key: 104 KB
	keyWindows     = 51
	compactWidth   = 4 // of a key: 4 KB
	compactTables  = 4 // multiples of A, 2^64·A, 2^128·A and 2^192·A
	compactWindows = 64
	secretWidth    = 5 // of the base point, by secret scalars: 77 KB
	secretWindows  = 51

	multiples        = 1 << (keyWidth - 1) // of a point of which there is no table
	secretEntries    = 1 << (secretWidth - 1)
	secretWords      = 12 // of an entry
	secretWindowRows = secretEntries * secretWords / lanes
	maxMultiples     = 128 // vectors of entries that are normalized together
)

// table has the multiples of points for all windows of a scalar: public data. An entry is two rows
// of memory, which hold the digits of y+x, y-x and 2dxy of one point. An entry that is never used
// stands before the first, so that each digit's magnitude is the number of an entry, also 0.
type table struct {
	rows []vec
	n    int // entries in a window
}

const entryBytes = 2 * 64

// at returns the entry for a digit of the given magnitude.
func (t *table) at(window int, magnitude uint64) *vec { return &t.rows[2*(window*t.n+int(magnitude))] }

// builder makes tables, several vectors of points at a time.
type builder struct {
	start  []vec // points of up to 8 windows in a vector, of which the multiples are wanted
	points []vec // multiples: X, Y, Z and the product of all Z up to it
	cached []vec
	t      []vec
}

// vectorsOf is how many vectors hold a point of each window.
func vectorsOf(windows int) int { return (windows + lanes - 1) / lanes }

var builders = sync.Pool{New: func() any {
	const most = keyWindows // of all tables
	b := new(builder)
	divide := func(a *arena) {
		b.start = a.take(vectorsOf(most) * pointValue)
		b.points = a.take(maxMultiples * pointValue)
		b.cached = a.take(cachedRows)
		b.t = a.take(scratchRows)
	}
	var count arena
	divide(&count)
	divide(&arena{mem: ifma.NewVecs(count.used)})
	return b
}}

// chain sets start to the points of the windows: that in lane 0 of w.point, and each 2^stride times
// the one before it.
func (b *builder) chain(w *Workspace, windows, stride int) {
	for i := range windows {
		dst := b.start[i/lanes*pointValue:]
		for row := range pointValue {
			dst[row][i%lanes] = w.point[row][0]
		}
		if i < windows-1 {
			double(w.point, stride)
		}
	}
	// The lanes beyond the last window get the point of the first.
	for i := windows; i%lanes != 0; i++ {
		for row := range pointValue {
			b.start[i/lanes*pointValue+row][i%lanes] = b.start[row][0]
		}
	}
}

// build makes the entries of the windows that chain prepared, n a window, for the vectors from
// and up to to. It calls put with each vector of them: first is the number of the window in lane
// 0, and j that of the entry.
func (b *builder) build(w *Workspace, from, to, n int, put func(first, j int, entries []vec)) {
	count := 0
	for v := from; v < to; v++ {
		copy(w.point[:pointValue], b.start[v*pointValue:])
		cache(b.cached, w.point)
		for j := range n {
			if j > 0 {
				add(w.point, b.cached, 0, 0)
			}
			p := b.points[count*pointValue:]
			copy(p[:15], w.point)
			if count == 0 {
				copy(p[15:20], w.point[pointZ:])
			} else {
				mul(p[15:], b.points[(count-1)*pointValue+15:], w.point[pointZ:])
			}
			count++
		}
	}
	// Montgomery's trick: one inversion for all.
	inverse, z, x, y := b.t[:5], b.t[5:10], b.t[10:15], b.t[15:20]
	entries, t := b.t[20:36], b.t[40:60]
	invert(inverse, b.points[(count-1)*pointValue+15:], t)
	for i := count - 1; i >= 0; i-- {
		p := b.points[i*pointValue:]
		zi := inverse
		if i > 0 {
			mul(z, inverse, b.points[(i-1)*pointValue+15:])
			mul(inverse, inverse, p[pointZ:])
			zi = z
		}
		mul(x, p[pointX:], zi)
		mul(y, p[pointY:], zi)
		mul(t, x, y)
		copy(w.point[pointX:], x)
		copy(w.point[pointY:], y)
		copy(w.point[pointT:], t[:5])
		cache(b.cached, w.point)
		copy(entries, b.cached[:affineRows])
		put((from+i/n)*lanes, i%n, entries)
	}
}

// fill makes a table of the multiples of the points that chain prepared.
func (b *builder) fill(w *Workspace, windows, n int) table {
	t := table{ifma.NewVecs(2 * (1 + windows*n)), n}
	each := max(1, maxMultiples/n)
	vectors := vectorsOf(windows)
	for v := 0; v < vectors; v += each {
		b.build(w, v, min(v+each, vectors), n, func(first, j int, entries []vec) {
			var to [lanes]*vec
			var unused [2]vec
			for l := range to {
				to[l] = &unused[0]
				if first+l < windows {
					to[l] = t.at(first+l, uint64(j+1))
				}
			}
			spreadEntries(&to, entries)
		})
	}
	return t
}

// ofBase sets all lanes of w.point to the base point.
func ofBase(w *Workspace) {
	var encoded [lanes]words
	for l := range encoded {
		encoded[l] = baseEncoded
	}
	w.decode(&encoded, false)
}

// baseTable returns the table of the base point for public scalars. It is made at the first use.
var baseTable = sync.OnceValue(func() *table {
	w, b := pool.Get().(*Workspace), builders.Get().(*builder)
	defer pool.Put(w)
	defer builders.Put(b)
	ofBase(w)
	b.chain(w, baseWindows, baseWidth)
	t := b.fill(w, baseWindows, 1<<(baseWidth-1))
	return &t
})

// secretTable returns the table of the base point for secret scalars. The entries of a window are
// 12 words each, one entry behind the other. It is made at the first use.
var secretTable = sync.OnceValue(func() []vec {
	w, b := pool.Get().(*Workspace), builders.Get().(*builder)
	defer pool.Put(w)
	defer builders.Put(b)
	ofBase(w)
	b.chain(w, secretWindows, secretWidth)
	rows := ifma.NewVecs(secretWindows * secretWindowRows)
	vectors := vectorsOf(secretWindows)
	b.build(w, 0, vectors, secretEntries, func(first, j int, entries []vec) {
		for l := range min(lanes, secretWindows-first) {
			for c := range 3 {
				x := canonical(lane(entries[digits*c:], l))
				for k, word := range x {
					at := secretWords*j + 4*c + k
					rows[(first+l)*secretWindowRows+at/lanes][at%lanes] = word
				}
			}
		}
	})
	return rows
})
