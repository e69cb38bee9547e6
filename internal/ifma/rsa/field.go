package rsa

// field computes modulo eight moduli at once. Its words are part of a workspace's memory, and its
// methods allocate nothing.
type field struct {
	layout
	mod     []vec // layout.size() words
	scratch []vec // scratchFor(d) words
}

// scratchFor returns the number of words that the kernels for d digits use as scratch.
func scratchFor(d int) int {
	switch d {
	case 20:
		return 268
	case 30:
		return 408
	case 40:
		return 540
	}
	return 2*d + 2*block
}

// entryOf40 is the word of scratch from which on squares40 leaves the entry that it looked up.
const entryOf40 = 500

// The alignment of the kernels' operands: the number of the first word modulo 64. A load whose
// address agrees with that of a store shortly before it in the lowest twelve bits waits for that
// store, even if it is to other memory. These numbers keep the loads of a block away from the
// stores before it, for scratch that begins at 0. The allocator in _asm divides scratch with the
// same aim.
const (
	alignScratch = 0
	alignAcc     = 44 // the number to be squared or multiplied, and the result
	alignFactor  = 52 // the other factor
)

func (y layout) alignMod() int {
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

// montgomeryWide does the same for x of up to 2d digits: x = low + high·R, and each half is
// multiplied by the power of R that it lacks. The result is below 8n, or 10n for 40 digits, which
// the kernels accept. tmp is d words.
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
