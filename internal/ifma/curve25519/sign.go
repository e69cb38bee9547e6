package curve25519

// Sign signs n messages at once: sigs[i], which has 64 bytes, becomes the signature of dom[i] and
// messages[i] by keys[i], for i below n. See [Workspace.Verify] for dom. The bytes are those of
// crypto/ed25519. Each signature is checked before it leaves. Bit i of ok is set if it is right;
// otherwise sigs[i] is all zero, if it has the right length. messages[i] must not change meanwhile,
// and sigs[i] is no part of it.
//
// Sign refuses a single operation, without effect on the others, if
//
//   - its key is nil, wiped or spoilt;
//   - sigs[i] has the wrong length;
//   - the check failed, which means a faulty key, memory or CPU: compute it again with other code.
//
// The time depends on no secret. That of the check depends on the signature, which is public.
func (w *Workspace) Sign(keys *[MaxBatch]*PrivateKey, dom, messages, sigs *[MaxBatch][]byte, n int) (ok uint8) {
	defer w.wipe()
	var live [lanes]*PrivateKey
	for l := range min(n, lanes) {
		if len(sigs[l]) != SignatureSize {
			continue
		}
		clear(sigs[l])
		if k := keys[l]; k != nil && k.intact() {
			live[l] = k
		}
	}
	w.sign(&live, dom, messages, sigs, n)
	w.at(stepSignature, 0)
	ok = w.check(&live, dom, messages, sigs, n)
	for l := range min(n, lanes) {
		if ok>>l&1 == 0 && len(sigs[l]) == SignatureSize {
			clear(sigs[l])
		}
	}
	return ok
}

// sign computes the signatures for all lanes that have a key. It leaves the nonces in w.scalars,
// and the affine coordinates of R where confirm expects them.
func (w *Workspace) sign(keys *[lanes]*PrivateKey, dom, messages, sigs *[lanes][]byte, n int) {
	nonces := &w.scalars
	clear(nonces[:])
	w.hashNonces(nonces, keys, dom, messages)
	w.at(stepNonce, 0)
	w.multiplyBase(nonces, n)
	w.encode(n)
	w.at(stepEncoded, 0)
	for l, k := range keys {
		if k != nil {
			copy(sigs[l], w.encoded[l][:])
		}
	}
	w.hashSignatures(&w.second, keys, dom, messages, sigs)
	for l, k := range keys {
		if k != nil {
			s := multiplyAdd(&w.second[l], &k.scalar, &nonces[l])
			s.put(sigs[l][32:])
		}
	}
}

// hashNonces sets dst to the nonces.
func (w *Workspace) hashNonces(dst *[lanes]words, keys *[lanes]*PrivateKey, dom, messages *[lanes][]byte) {
	var hashed [lanes]message
	var live uint8
	for l, k := range keys {
		if k != nil {
			hashed[l] = message{dom[l], k.prefix[:], messages[l]}
			live |= 1 << l
		}
	}
	w.hashScalars(dst, &hashed, live)
}

// hashSignatures sets dst to the numbers that the private keys are multiplied by.
func (w *Workspace) hashSignatures(dst *[lanes]words, keys *[lanes]*PrivateKey, dom, messages, sigs *[lanes][]byte) {
	var hashed [lanes]message
	var live uint8
	for l, k := range keys {
		if k != nil {
			hashed[l] = message{dom[l], sigs[l][:32], k.public.bytes[:], messages[l]}
			live |= 1 << l
		}
	}
	w.hashScalars(dst, &hashed, live)
}

// check returns the lanes whose signatures are right. To verify them would not be enough: with
// another nonce, or with another public key in the hash, a signature can be valid by the
// equation, and gives the key away beside the right one (Barenghi, Pelosi 2016; Poddebniak et al.
// 2018). So the nonce, the hash and S are computed a second time, from the key and the message,
// and must agree; the key must not have changed; and [S]B - [k]A, with the key's own table, must
// be R. Only a lane with the right S comes to that, because it takes a time that depends on S.
func (w *Workspace) check(keys *[lanes]*PrivateKey, dom, messages, sigs *[lanes][]byte, n int) (ok uint8) {
	var public [lanes]*PublicKey
	nonces, hashes := &w.scalars, &w.second
	clear(w.again[:])
	clear(hashes[:])
	w.hashNonces(&w.again, keys, dom, messages)
	w.hashSignatures(hashes, keys, dom, messages, sigs)
	for l, k := range keys {
		if k == nil {
			continue
		}
		s, again := wordsOf(sigs[l][32:]), multiplyAdd(&hashes[l], &k.scalar, &w.again[l])
		same := s.equal(&again) & w.again[l].equal(&nonces[l])
		nonces[l] = words{}
		if same == 1 {
			public[l], w.scalars[l] = k.public, s
		} else {
			hashes[l] = words{}
		}
	}
	w.at(stepAgain, 0)
	w.sum(&public, n)
	w.at(stepCheck, 0)
	same := w.confirm(sigs, n)
	for l, p := range public {
		if p == nil {
			continue
		}
		s := wordsOf(sigs[l][32:])
		if same>>l&1 == 1 && s == w.scalars[l] && keys[l].intact() {
			ok |= 1 << l
		}
	}
	return ok
}
