package multibuffer

import (
	"crypto"
	"slices"

	"asynccrypto/engine"
	"asynccrypto/engine/internal/sysrand"
	"asynccrypto/internal/ifma"
	"asynccrypto/internal/ifma/nistec"
)

// raw reports whether opts asks for r || s of fixed length instead of DER.
func raw(opts crypto.SignerOpts) bool {
	o, ok := opts.(*engine.ECDSAOptions)
	return ok && o != nil && o.Raw
}

// ecdsaSigner computes ECDSA signatures. It verifies each before it leaves.
type ecdsaSigner struct {
	w      *nistec.Workspace
	ops    [ifma.Lanes]*engine.SignOp
	keys   [ifma.Lanes]*nistec.PrivateKey
	nonces *buffers
	hashes buffers
	r, s   *buffers

	// The lanes whose nonces are drawn together: hedged, and of RFC 6979 with SHA-256. A lane that
	// is in neither has its nonce already.
	hedged, deterministic uint8
}

func newECDSASigner(c *nistec.Curve) *ecdsaSigner {
	return &ecdsaSigner{
		w: must(c.NewWorkspace()), nonces: newBuffers(c.Size()), r: newBuffers(c.Size()), s: newBuffers(c.Size()),
	}
}

func (p *ecdsaSigner) add(lane int, op engine.Op) bool {
	o := op.(*engine.SignOp)
	key := o.Prepared.(*prepared).key.(*nistec.PrivateKey)
	if !p.addNonce(lane, key, o) {
		return false
	}
	p.ops[lane], p.keys[lane], p.hashes[lane] = o, key, o.Digest
	return true
}

// addNonce draws the nonce of an operation, or leaves it to compute. The nonce depends on the
// reader as in crypto/ecdsa: without one the signature is deterministic (RFC 6979). With
// crypto/rand's, or another that crypto/ecdsa ignores, it is hedged with the system's random bytes.
// Operations with a reader that crypto/ecdsa reads from are left to it, and so is every hedged one
// if the program has replaced crypto/rand's reader: that one might block the batch. Digests that are
// empty, or not of the options' hash, are left to crypto/ecdsa too: Go 1.26 signs some of them, and
// Go 1.27 refuses them.
func (p *ecdsaSigner) addNonce(lane int, key *nistec.PrivateKey, o *engine.SignOp) bool {
	var hash crypto.Hash
	switch opts := o.Opts.(type) {
	case nil: // is enough for a hedged signature
	case crypto.Hash:
		hash = opts
	case *engine.ECDSAOptions:
		if opts == nil {
			return false
		}
		hash = opts.Hash
	default:
		return false
	}
	switch {
	case len(o.Digest) == 0 || o.Opts == nil && o.Rand == nil:
		return false
	case o.Opts != nil && (!hash.Available() || hash.Size() != len(o.Digest)):
		return false
	case o.Rand == nil && hash == crypto.SHA256:
		p.deterministic |= 1 << lane
	case o.Rand == nil:
		return key.DeterministicNonce(p.nonces[lane], hash, o.Digest) == nil
	case sysrand.InPlace() && (sysrand.Is(o.Rand) || sysrand.Ignored()):
		p.hedged |= 1 << lane
	default:
		return false
	}
	return true
}

// compute draws the nonces that are to be drawn together, and signs. Sign refuses a lane whose
// nonce was not drawn, because it is 0.
func (p *ecdsaSigner) compute(n int) (done uint8) {
	p.w.HedgedNonces(p.nonces.lanes(), &p.keys, p.hashes.lanes(), p.hedged)
	p.w.DeterministicNonces(p.nonces.lanes(), &p.keys, p.hashes.lanes(), p.deterministic)
	return p.w.Sign(&p.keys, p.nonces.lanes(), p.hashes.lanes(), p.r.lanes(), p.s.lanes(), n)
}

func (p *ecdsaSigner) finish(lane int) error {
	o, r, s := p.ops[lane], p.r[lane], p.s[lane]
	if raw(o.Opts) {
		o.Signature = slices.Concat(r, s)
	} else {
		o.Signature = appendSignature(make([]byte, 0, 8+2*len(r)), r, s)
	}
	return nil
}

func (p *ecdsaSigner) reset() {
	p.nonces.wipe()
	*p = ecdsaSigner{w: p.w, nonces: p.nonces, r: p.r, s: p.s}
}

// ecdsaVerifier verifies ECDSA signatures, with keys that are prepared or with any keys.
type ecdsaVerifier struct {
	w      *nistec.Workspace
	any    bool
	ops    [ifma.Lanes]*engine.VerifyOp
	keys   [ifma.Lanes]*nistec.PublicKey // unless any
	points [ifma.Lanes]nistec.Point      // if any
	hashes buffers
	r, s   *buffers
	valid  uint8
}

func newECDSAVerifier(c *nistec.Curve, any bool) *ecdsaVerifier {
	return &ecdsaVerifier{w: must(c.NewWorkspace()), any: any, r: newBuffers(c.Size()), s: newBuffers(c.Size())}
}

func (p *ecdsaVerifier) add(lane int, op engine.Op) bool {
	o := op.(*engine.VerifyOp)
	switch o.Opts.(type) {
	case nil, crypto.Hash, *engine.ECDSAOptions:
	default:
		return false // perhaps another key's options, which are refused
	}
	if len(o.Digest) == 0 {
		return false // valid in Go 1.26, and never in Go 1.27
	}
	if r, s := p.r[lane], p.s[lane]; !raw(o.Opts) {
		if !parseSignature(r, s, o.Signature) {
			return false
		}
	} else if len(o.Signature) != len(r)+len(s) {
		return false
	} else {
		copy(s, o.Signature[copy(r, o.Signature):])
	}
	switch key := o.Prepared.(*prepared).key.(type) {
	case *nistec.PublicKey:
		p.keys[lane] = key
	case *unprepared:
		p.points[lane] = key.point()
	}
	p.ops[lane], p.hashes[lane] = o, o.Digest
	return true
}

func (p *ecdsaVerifier) compute(n int) (done uint8) {
	var redo uint8
	if p.any {
		p.valid, redo = p.w.VerifyAny(&p.points, p.hashes.lanes(), p.r.lanes(), p.s.lanes(), n)
	} else {
		p.valid, redo = p.w.Verify(&p.keys, p.hashes.lanes(), p.r.lanes(), p.s.lanes(), n)
	}
	return ^redo
}

func (p *ecdsaVerifier) finish(lane int) error { return verdict(p.ops[lane], p.valid>>lane&1 == 1) }

func (p *ecdsaVerifier) reset() { *p = ecdsaVerifier{w: p.w, any: p.any, r: p.r, s: p.s} }
