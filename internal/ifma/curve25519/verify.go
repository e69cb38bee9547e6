package curve25519

// Verify verifies n signatures at once: sigs[i] of dom[i] and messages[i] by keys[i], for i below
// n. Bit i of valid is set if signature i is valid. dom[i] is the prefix dom2 of RFC 8032,
// section 2, and empty for Ed25519 without a context; for Ed25519ph the message is its hash. The
// answer is that of crypto/ed25519 for all inputs: S must be below the order of the base point,
// and R must be the encoding of [S]B - [k]A, byte for byte, so no multiple of the cofactor comes
// in. A signature of another length and a key that is nil are not valid.
//
// Keys, messages and signatures are public: the time and the addresses depend on them.
func (w *Workspace) Verify(keys *[MaxBatch]*PublicKey, dom, messages, sigs *[MaxBatch][]byte, n int) (valid uint8) {
	var live [lanes]*PublicKey
	var hashed [lanes]message
	for l := range live {
		w.scalars[l], w.second[l] = words{}, words{}
		if k := keys[l]; l < n && k != nil && w.loadSignature(l, sigs[l]) {
			live[l] = k
			hashed[l] = message{dom[l], sigs[l][:32], k.bytes[:], messages[l]}
			valid |= 1 << l
		}
	}
	w.hashScalars(&w.second, &hashed, valid)
	w.sum(&live, n)
	return valid & w.compare(sigs, n)
}

// loadSignature loads the scalar S of a signature into lane l, and reports whether the signature
// has the right length and S is below the order. Otherwise it loads nothing.
func (w *Workspace) loadSignature(l int, sig []byte) bool {
	if len(sig) != SignatureSize {
		return false
	}
	s := wordsOf(sig[32:])
	var t words
	if t.subtract(&s, &order) == 0 {
		return false
	}
	w.scalars[l] = s
	return true
}

// compare encodes the first n points and returns the lanes in which that is R.
func (w *Workspace) compare(sigs *[lanes][]byte, n int) (same uint8) {
	w.encode(n)
	for l := range min(n, lanes) {
		if len(sigs[l]) == SignatureSize && string(sigs[l][:32]) == string(w.encoded[l][:]) {
			same |= 1 << l
		}
	}
	return same
}

// VerifyAny is [Workspace.Verify] for keys that are not prepared. A key that NewPublicKey refuses
// makes its signature invalid.
func (w *Workspace) VerifyAny(pubs *[MaxBatch][]byte, dom, messages, sigs *[MaxBatch][]byte, n int) (valid uint8) {
	var encoded [lanes]words
	var hashed [lanes]message
	for l := range encoded {
		encoded[l] = baseEncoded
		w.scalars[l], w.second[l] = words{}, words{}
		if l >= n || len(pubs[l]) != PublicKeySize || !w.loadSignature(l, sigs[l]) {
			continue
		}
		encoded[l] = wordsOf(pubs[l])
		hashed[l] = message{dom[l], sigs[l][:32], pubs[l], messages[l]}
		valid |= 1 << l
	}
	w.hashScalars(&w.second, &hashed, valid)
	valid &= w.decode(&encoded, true)
	w.split(&w.key, &w.second, keyWidth)
	w.multiplyAny()
	w.split(&w.base, &w.scalars, baseWidth)
	base := baseTable()
	w.addMultiples(&w.base, baseWidth, &[lanes]*table{base, base, base, base, base, base, base, base}, lanes, ^uint64(0))
	return valid & w.compare(sigs, n)
}

// multiplyAny multiplies the point by the digits of w.key.
func (w *Workspace) multiplyAny() {
	first := w.table[:cachedRows]
	cache(first, w.point)
	double(w.point, 1)
	for j := 1; j < multiples; j++ {
		if j > 1 {
			add(w.point, first, 0, 0)
		}
		cache(w.table[j*cachedRows:], w.point)
	}
	w.identity()
	for i := keyWindows - 1; i >= 0; i-- {
		if i < keyWindows-1 {
			double(w.point, keyWidth)
		}
		for l, m := range w.key.magnitude[i] {
			w.offsets[0][l] = (max(m, 1)-1)*cachedRows*64 + uint64(8*l)
		}
		gatherEntries(w.entry, w.table, &w.offsets[0])
		add(w.point, w.entry, w.key.negative[i], w.key.zero[i])
	}
}
