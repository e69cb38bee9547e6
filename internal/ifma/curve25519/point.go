package curve25519

// identity sets the point to the neutral element in all lanes.
func (w *Workspace) identity() {
	clear(w.point[:pointValue])
	for l := range lanes {
		w.point[pointY][l] = 1
		w.point[pointZ][l] = 1
	}
}

// encode writes the first n points to w.encoded as RFC 8032, section 5.1.2, has it. Their affine
// coordinates, below p, are left in w.affineX and w.affineY.
func (w *Workspace) encode(n int) {
	inverse := w.t[:5]
	invert(inverse, w.point[pointZ:], w.t[5:])
	mul(w.affineX, inverse, w.point[pointX:])
	mul(w.affineY, inverse, w.point[pointY:])
	for l := range min(n, lanes) {
		x, y := canonical(lane(w.affineX, l)), canonical(lane(w.affineY, l))
		setLane(w.affineX, l, x.digits())
		setLane(w.affineY, l, y.digits())
		y[3] |= x[0] << 63
		y.put(w.encoded[l][:])
	}
}

// confirm returns the lanes, of the first n, in which the point is the one with the affine
// coordinates in w.affineX and w.affineY, and encoded as these bytes. It needs no inversion, and
// relies on neither of them being right: X = xZ and Y = yZ mod p must hold where Z is not 0, and
// x and y must be below p.
func (w *Workspace) confirm(encoded *[lanes][]byte, n int) (same uint8) {
	mul(w.t, w.affineX, w.point[pointZ:])
	mul(w.t[5:], w.affineY, w.point[pointZ:])
	for l := range min(n, lanes) {
		if len(encoded[l]) != SignatureSize {
			continue
		}
		digitsX, digitsY := lane(w.affineX, l), lane(w.affineY, l)
		x, y := canonical(digitsX), canonical(digitsY)
		z := canonical(lane(w.point[pointZ:], l))
		ok := x.digits() == digitsX && y.digits() == digitsY && z.isZero() == 0 &&
			canonical(lane(w.t, l)) == canonical(lane(w.point[pointX:], l)) &&
			canonical(lane(w.t[5:], l)) == canonical(lane(w.point[pointY:], l))
		y[3] |= x[0] << 63
		if ok && y == wordsOf(encoded[l]) {
			same |= 1 << l
		}
	}
	return same
}

// decode sets the point to those that the words encode, as crypto/ed25519 decodes public keys: it
// takes y not below p, and x = 0 with either sign. Bit l of ok is set if lane l is a point of the
// curve. With negate the points are negated. The time depends on the points, which are public.
func (w *Workspace) decode(encoded *[lanes]words, negate bool) (ok uint8) {
	// u/v = x² with u = y²-1 and v = dy²+1. A root is u·v³·(u·v⁷)^((p-5)/8), times sqrt(-1) or not.
	y, u, v, v3, uv7 := w.t[15:20], w.t[20:25], w.t[25:30], w.t[30:35], w.t[35:40]
	x, other, check := w.t[40:45], w.t[45:50], w.t[50:55]
	for l := range encoded {
		e := encoded[l]
		e[3] &= 1<<63 - 1
		setLane(y, l, e.digits())
	}
	setAll(check, curveD.digits())
	sqr(u, y, 1)
	mul(v, u, check)
	for l := range encoded {
		one := words{1}
		y2 := canonical(lane(u, l))
		y2.subtractMod(&y2, &one)
		setLane(u, l, y2.digits())
		d := lane(v, l)
		d[0]++
		dy2 := canonical(d)
		setLane(v, l, dy2.digits())
	}
	sqr(v3, v, 1)
	mul(v3, v3, v)
	sqr(uv7, v3, 1)
	mul(uv7, uv7, v)
	mul(uv7, uv7, u)
	power(x, uv7, w.t[:15])
	mul(x, x, v3)
	mul(x, x, u)
	sqr(check, x, 1)
	mul(check, check, v)
	setAll(other, sqrtMinus1.digits())
	mul(other, other, x)
	for l := range encoded {
		var zero words
		got, want := canonical(lane(check, l)), canonical(lane(u, l))
		root := canonical(lane(x, l))
		if got != want {
			want.subtractMod(&zero, &want)
			root = canonical(lane(other, l))
		}
		if got == want {
			ok |= 1 << l
		}
		if root[0]&1 != encoded[l][3]>>63 {
			root.subtractMod(&zero, &root)
		}
		if negate {
			root.subtractMod(&zero, &root)
		}
		setLane(w.point[pointX:], l, root.digits())
		setLane(w.point[pointZ:], l, [digits]uint64{1})
	}
	copy(w.point[pointY:pointY+digits], y)
	mul(w.point[pointT:], w.point[pointX:], y)
	return ok
}

// addMultiples adds to each of the ops points, in lanes of, a multiple of the point of its table,
// by digits of the given width, which are public. The other lanes may have larger tables.
func (w *Workspace) addMultiples(d *signedDigits, width int, tables *[lanes]*table, ops int, of uint64) {
	entries := 1 << (width - 1)
	var from [lanes]*vec
	for l := range from {
		from[l] = &tables[l%ops].rows[2*(l/ops)*entries]
	}
	step := uintptr(lanes/ops*entries) * entryBytes
	for i := range d.share(ops, entries) {
		at := uintptr(i) * step
		fetchEntries(w.entry, &from, d.magnitude[i:], at, at+step)
		addAffine(w.point, w.entry, d.negative[i], d.zero[i]|^of)
	}
}

// sum sets the first n points to [S]B - [k]A, for S in w.scalars and k in w.second, in the lanes
// with a key. A batch of few has several lanes for each.
func (w *Workspace) sum(keys *[lanes]*PublicKey, n int) {
	var tables, bases [lanes]*table
	var full, compact uint64 // lanes
	base := baseTable()
	for l, k := range keys {
		tables[l], bases[l] = base, base
		if k != nil && k.compact {
			compact |= 1 << l
		} else if k != nil {
			full |= 1 << l
			tables[l] = &k.table
		}
	}
	ops := operationsFor(n)
	w.identity()
	if compact != 0 {
		ops = lanes
		w.addCompact(keys, compact)
	}
	if full != 0 {
		w.split(&w.key, &w.second, keyWidth)
		w.addMultiples(&w.key, keyWidth, &tables, ops, shared(full, ops))
	}
	w.split(&w.base, &w.scalars, baseWidth)
	w.addMultiples(&w.base, baseWidth, &bases, ops, ^uint64(0))
	w.collect(ops)
}

// shared returns the lanes that work for the operations whose bits are set.
func shared(of uint64, ops int) uint64 {
	for ; ops < lanes; ops *= 2 {
		of |= of << ops
	}
	return of
}

// collect adds the lanes that work for the same operation.
func (w *Workspace) collect(ops int) {
	for distance := lanes / 2; distance >= ops; distance /= 2 {
		cache(w.entry, w.point)
		turn(w.t[:cachedRows], w.entry, distance)
		add(w.point, w.t, 0, 0)
	}
}

// addCompact adds multiples of -A to the lanes of, whose keys have compact tables. It needs
// doublings, so the sum must be zero in the other lanes.
func (w *Workspace) addCompact(keys *[lanes]*PublicKey, of uint64) {
	const each = compactWindows / compactTables
	w.split(&w.compact, &w.second, compactWidth)
	var from [compactTables][lanes]*vec
	for j := range from {
		for l, k := range keys {
			from[j][l] = baseTable().at(0, 0)
			if of>>l&1 == 1 {
				from[j][l] = k.table.at(j, 0)
			}
		}
	}
	for i := each - 1; i >= 0; i-- {
		if i < each-1 {
			double(w.point, compactWidth)
		}
		for j := range from {
			window := j*each + i
			fetchEntries(w.entry, &from[j], w.compact.magnitude[window:], 0, 0)
			addAffine(w.point, w.entry, w.compact.negative[window], w.compact.zero[window]|^of)
		}
	}
}

// multiplyBase sets the first n points to scalar·B, in constant time. The scalars are below
// the order.
func (w *Workspace) multiplyBase(scalars *[lanes]words, n int) {
	table := secretTable()
	w.split(&w.secret, scalars, secretWidth)
	w.at(stepDigits, 0)
	w.identity()
	ops := operationsFor(n)
	each := lanes / ops
	for i := range w.secret.share(ops, 0) {
		for j := range each {
			window := min(i*each+j, secretWindows-1)
			dst := w.entry
			if j > 0 {
				dst = w.t
			}
			lookupEntries(dst, table[window*secretWindowRows:], &w.secret.magnitude[i])
			if j > 0 {
				for row := range affineRows {
					copy(w.entry[row][j*ops:(j+1)*ops], w.t[row][j*ops:])
				}
			}
		}
		addAffine(w.point, w.entry, w.secret.negative[i], w.secret.zero[i])
		w.at(stepWindow, i)
	}
	w.collect(ops)
}
