package multibuffer

import (
	"crypto"
	"crypto/ed25519"
	"crypto/sha512"

	"asynccrypto/engine"
	"asynccrypto/internal/ifma"
	"asynccrypto/internal/ifma/curve25519"
)

// domain returns the prefix of the hashes of an Ed25519 operation, RFC 8032's dom2(phflag,
// context), which is nil for pure Ed25519. It returns false for input that crypto/ed25519 refuses.
func domain(message []byte, opts crypto.SignerOpts) (dom []byte, ok bool) {
	var hash crypto.Hash
	var context string
	switch o := opts.(type) {
	case crypto.Hash:
		hash = o
	case *ed25519.Options:
		if o == nil {
			return nil, false
		}
		hash, context = o.Hash, o.Context
	default:
		return nil, false
	}
	var prehashed byte
	switch {
	case len(context) > 255:
		return nil, false
	case hash == crypto.SHA512 && len(message) == sha512.Size:
		prehashed = 1
	case hash != 0:
		return nil, false
	case context == "":
		return nil, true
	}
	dom = append([]byte("SigEd25519 no Ed25519 collisions"), prehashed, byte(len(context)))
	return append(dom, context...), true
}

// ed25519Signer computes Ed25519 signatures. It verifies each before it leaves.
type ed25519Signer struct {
	w                    *curve25519.Workspace
	ops                  [ifma.Lanes]*engine.SignOp
	keys                 [ifma.Lanes]*curve25519.PrivateKey
	doms, messages, sigs [ifma.Lanes][]byte
}

func newEd25519Signer() *ed25519Signer { return &ed25519Signer{w: must(curve25519.NewWorkspace())} }

func (p *ed25519Signer) add(lane int, op engine.Op) bool {
	o := op.(*engine.SignOp)
	dom, ok := domain(o.Digest, o.Opts)
	if !ok {
		return false
	}
	p.ops[lane], p.keys[lane] = o, o.Prepared.(*prepared).key.(*curve25519.PrivateKey)
	p.doms[lane], p.messages[lane], p.sigs[lane] = dom, o.Digest, make([]byte, ed25519.SignatureSize)
	return true
}

func (p *ed25519Signer) compute(n int) (done uint8) {
	return p.w.Sign(&p.keys, &p.doms, &p.messages, &p.sigs, n)
}

func (p *ed25519Signer) finish(lane int) error {
	p.ops[lane].Signature = p.sigs[lane]
	return nil
}

func (p *ed25519Signer) reset() { *p = ed25519Signer{w: p.w} }

// ed25519Verifier verifies Ed25519 signatures, with keys that are prepared or with any keys.
type ed25519Verifier struct {
	w                    *curve25519.Workspace
	any                  bool
	ops                  [ifma.Lanes]*engine.VerifyOp
	keys                 [ifma.Lanes]*curve25519.PublicKey // unless any
	pubs                 [ifma.Lanes][]byte                // if any
	doms, messages, sigs [ifma.Lanes][]byte
	valid                uint8
}

func newEd25519Verifier(any bool) *ed25519Verifier {
	return &ed25519Verifier{w: must(curve25519.NewWorkspace()), any: any}
}

func (p *ed25519Verifier) add(lane int, op engine.Op) bool {
	o := op.(*engine.VerifyOp)
	dom, ok := domain(o.Digest, o.Opts)
	if !ok || len(o.Signature) != ed25519.SignatureSize {
		return false
	}
	switch key := o.Prepared.(*prepared).key.(type) {
	case *curve25519.PublicKey:
		p.keys[lane] = key
	case *unprepared:
		p.pubs[lane] = key.content
	}
	p.ops[lane], p.doms[lane], p.messages[lane], p.sigs[lane] = o, dom, o.Digest, o.Signature
	return true
}

func (p *ed25519Verifier) compute(n int) (done uint8) {
	if p.any {
		p.valid = p.w.VerifyAny(&p.pubs, &p.doms, &p.messages, &p.sigs, n)
	} else {
		p.valid = p.w.Verify(&p.keys, &p.doms, &p.messages, &p.sigs, n)
	}
	return 0xff
}

func (p *ed25519Verifier) finish(lane int) error { return verdict(p.ops[lane], p.valid>>lane&1 == 1) }

func (p *ed25519Verifier) reset() { *p = ed25519Verifier{w: p.w, any: p.any} }
