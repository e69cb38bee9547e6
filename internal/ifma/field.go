package ifma

// field computes modulo eight moduli at once. Its words are a part of a workspace's memory; nothing here allocates.
type field struct {
	layout
	mod     []vec // layout.size() words
	scratch []vec // scratchFor(d) words
}

// scratchFor returns the words that kernels for d digits use as they like.
func scratchFor(d int) int {
	switch d {
	case 20:
		return 268
	case 30:
		return 408
	case 40:
		return 540
	}
	return d + 1
}

// Places of what kernels are given, modulo 64 words: a load that agrees in the lowest twelve bits of its address with a store shortly before
// it waits for it, though they have nothing to do with each other. scratch and results to come are at place 0 of these; see
// allocator in _asm for what lies where in scratch.
const (
	placeScratch = 0
	placeAcc     = 44 // what is squared, or multiplied, and the result
	placeFactor  = 52 // the other factor
)

func (y layout) placeMod() int {
	if y.d == 30 {
		return 40
	}
	return 20
}

// setLane gives lane l its modulus, prepared by layout.prepare.
func (f *field) setLane(l int, prepared []uint64) { setDigits(f.mod, l, prepared) }

func (f *field) n() []vec      { return f.mod[offN:][:f.d] }
func (f *field) rrVecs() []vec { return f.mod[f.rr():][:f.d] }

// montgomery sets dst = x·R mod n for x below R.
func (f *field) montgomery(dst, x []vec) { f.mul(dst, x, f.rrVecs()) }

// montgomeryWide does the same for x of up to 2d digits: x = low + high·R, each multiplied by what is missing. The result
// is below 8n, or 10n for 40 digits, which the kernels take. tmp is d words.
func (f *field) montgomeryWide(dst, x, tmp []vec) {
	d := f.d
	dst, tmp = dst[:d], tmp[:d]
	f.mul(tmp, x[d:], f.mod[f.rrr():][:d])
	f.mul(dst, x, f.rrVecs())
	for i := range dst {
		for l := range lanes {
			dst[i][l] += tmp[i][l]
		}
	}
	carry(dst)
}
