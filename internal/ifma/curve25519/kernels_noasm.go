//go:build !amd64 || purego

package curve25519

// Only tests call these: nothing makes a workspace where the kernels cannot run.

func mul(dst, a, b []vec) { mulReference(dst[:digits], a[:digits], b[:digits]) }

func sqr(dst, a []vec, n int) { sqrReference(dst[:digits], a[:digits], n) }

func double(st []vec, n int) { doubleReference(st[:pointRows], n) }

func addAffine(st, pt []vec, neg, skip uint64) {
	addAffineReference(st[:pointRows], pt[:affineRows], neg, skip)
}

func add(st, pt []vec, neg, skip uint64) {
	addReference(st[:pointRows], pt[:cachedRows], neg, skip)
}

func cache(dst, st []vec) { cacheReference(dst[:cachedRows], st[:pointRows]) }

func ladder(st []vec, swaps *vec, n int) { ladderReference(st[:ladderRows], swaps, n) }

func fetchEntries(dst []vec, from *[lanes]*vec, index []vec, offset, _ uintptr) {
	fetchReference(dst[:entryRows], from, index[:2], offset)
}

func spreadEntries(to *[lanes]*vec, src []vec) { spreadReference(to, src[:entryRows]) }

func gatherEntries(dst, table []vec, offsets *vec) {
	gatherReference(dst[:cachedRows], table[:multiples*cachedRows], offsets)
}

func lookupEntries(dst, window []vec, mag *vec) {
	lookupReference(dst[:affineRows], window[:secretWindowRows], mag)
}

func recodeAll(d *signedDigits, x []vec, width int) { recodeReference(d, x[:5], width) }

func compress(state, blocks []vec, live uint64) {
	compressReference(state[:hashRows], blocks[:blockRows], live)
}
