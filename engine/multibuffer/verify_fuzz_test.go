package multibuffer_test

import (
	"crypto"
	"crypto/elliptic"
	"crypto/rsa"
	"testing"

	"asynccrypto/engine"
	"asynccrypto/engine/multibuffer"
)

// fuzzKeys are the keys of FuzzVerify, each with a signature.
func fuzzKeys(t testing.TB) (all []signed) {
	pss := func(salt int) *rsa.PSSOptions { return &rsa.PSSOptions{Hash: crypto.SHA256, SaltLength: salt} }
	key := keys()[2048][0]
	for _, opts := range []crypto.SignerOpts{crypto.SHA256, pss(rsa.PSSSaltLengthAuto), pss(rsa.PSSSaltLengthEqualsHash), pss(7)} {
		all = append(all, sign(t, key, opts))
	}
	for _, curve := range []elliptic.Curve{elliptic.P256(), elliptic.P384()} {
		key := newECDSA(t, curve)
		for _, opts := range []crypto.SignerOpts{crypto.SHA256, &engine.ECDSAOptions{Hash: crypto.SHA512, Raw: true}} {
			all = append(all, sign(t, key, opts))
		}
	}
	ed := newEd25519(t)
	return append(all, sign(t, ed, crypto.Hash(0)), sign(t, ed, crypto.SHA512))
}

// FuzzVerify compares verifications of any bytes with the standard library's, prepared and not,
// alone and in batches of all sizes, beside signatures of other kinds.
func FuzzVerify(f *testing.F) {
	all := fuzzKeys(f)
	for i, s := range all {
		f.Add(uint8(i), s.digest, s.sig)
	}
	e := newEngine(f, multibuffer.Options{Workers: 1})
	verifiers := make([]engine.Verifier, len(all))
	for i, s := range all {
		var err error
		if verifiers[i], err = e.Verifier(s.key); err != nil {
			f.Fatal(err)
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, digest, sig []byte) {
		i := int(which) % len(all)
		s := signed{all[i].key, digest, sig, all[i].opts}
		if err := s.compare(t, verifiers[i].Verify(digest, sig, s.opts)); err != nil {
			t.Error(err)
		}
		// The number of live lanes and the lane of the signature follow from the input. Those of
		// other kinds stand between them.
		n := 1 + len(digest)%8
		lane := len(sig) % n
		var batch []multibuffer.Verification
		var want []signed
		add := func(s signed) {
			batch = append(batch, multibuffer.Verification{Key: s.key, Digest: s.digest, Signature: s.sig, Opts: s.opts})
			want = append(want, s)
		}
		for l := range n {
			if l == lane {
				add(s)
			} else {
				add(all[i])
			}
			add(all[(i+l+1)%len(all)])
		}
		for j, err := range multibuffer.VerifyBatch(batch) {
			if err := want[j].compare(t, err); err != nil {
				t.Errorf("%d of %d beside %x: %v", j, len(batch), sig, err)
			}
		}
		if ok, known := s.dropIn(); known {
			err := (&engine.VerifyOp{Key: s.key, Digest: digest, Signature: sig, Opts: s.opts}).Run()
			if ok != (err == nil) {
				t.Errorf("the drop-in says %v, the standard library %v", ok, err)
			}
		}
	})
}
