package multibuffer

import (
	"bytes"
	"crypto"
	"crypto/rsa"

	"asynccrypto/engine"
	"asynccrypto/internal/ifma"
	lanersa "asynccrypto/internal/ifma/rsa"
)

// rsaSigner computes RSA signatures. It checks each with the public exponent before it leaves.
type rsaSigner struct {
	w    *lanersa.Workspace
	ops  [ifma.Lanes]*engine.SignOp
	keys [ifma.Lanes]*lanersa.Key
	data [ifma.Lanes][]byte // the padded message, then the signature
}

func newRSASigner(size int) *rsaSigner { return &rsaSigner{w: must(lanersa.NewWorkspace(size))} }

func (p *rsaSigner) add(lane int, op engine.Op) bool {
	o := op.(*engine.SignOp)
	em := make([]byte, p.w.Size())
	if !encode(em, o) {
		return false
	}
	p.ops[lane], p.keys[lane], p.data[lane] = o, o.Prepared.(*prepared).key.(*lanersa.Key), em
	return true
}

func (p *rsaSigner) compute(n int) (done uint8) { return p.w.Sign(&p.keys, &p.data, &p.data, n) }

func (p *rsaSigner) finish(lane int) error {
	p.ops[lane].Signature = p.data[lane]
	return nil
}

func (p *rsaSigner) reset() { *p = rsaSigner{w: p.w} } // the workspace wipes itself

// rsaVerifier verifies RSA signatures.
type rsaVerifier struct {
	w     *lanersa.PublicWorkspace
	ops   [ifma.Lanes]*engine.VerifyOp
	keys  [ifma.Lanes]*lanersa.PublicKey
	sigs  buffers
	em    *buffers // the encoded messages that the signatures hold
	want  *buffers // the encoded messages that are right, for PKCS #1 v1.5
	valid uint8    // the lanes whose signatures are below the modulus
}

func newRSAVerifier(size int) *rsaVerifier {
	return &rsaVerifier{w: must(lanersa.NewPublicWorkspace(size)), em: newBuffers(size), want: newBuffers(size)}
}

func (p *rsaVerifier) add(lane int, op engine.Op) bool {
	o, size := op.(*engine.VerifyOp), p.w.Size()
	if len(o.Signature) != size {
		return false
	}
	switch opts := o.Opts.(type) {
	case crypto.Hash:
		if !encodePKCS1v15(p.want[lane], o.Digest, opts) {
			return false
		}
	case *rsa.PSSOptions:
		if !canVerifyPSS(size, o.Digest, opts) {
			return false
		}
	default:
		return false
	}
	p.ops[lane], p.keys[lane], p.sigs[lane] = o, o.Prepared.(*prepared).key.(*lanersa.PublicKey), o.Signature
	return true
}

func (p *rsaVerifier) compute(n int) (done uint8) {
	p.valid = p.w.Open(&p.keys, p.sigs.lanes(), p.em.lanes(), n)
	return 0xff // a signature that is not below the modulus is invalid
}

func (p *rsaVerifier) finish(lane int) error {
	o := p.ops[lane]
	valid := p.valid>>lane&1 == 1
	if opts, pss := o.Opts.(*rsa.PSSOptions); pss {
		valid = valid && verifyPSS(p.em[lane], o.Digest, opts)
	} else {
		valid = valid && bytes.Equal(p.em[lane], p.want[lane])
	}
	return verdict(o, valid)
}

func (p *rsaVerifier) reset() { *p = rsaVerifier{w: p.w, em: p.em, want: p.want} }
