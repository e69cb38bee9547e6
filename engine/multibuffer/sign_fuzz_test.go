package multibuffer_test

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"fmt"
	"testing"

	"asynccrypto/engine"
	"asynccrypto/engine/multibuffer"
)

// FuzzSign compares signatures that are not random with the standard library's, byte for byte: of
// any digest or message, in batches of all sizes, beside signatures of other kinds. A digest of a
// wrong length has the standard library's error.
func FuzzSign(f *testing.F) {
	e := newEngine(f, multibuffer.Options{Workers: 1})
	type subject struct {
		kind   string
		opts   []crypto.SignerOpts
		keys   [2]crypto.Signer // each second lane has the other key
		signer [2]engine.Signer
	}
	subjects := []*subject{
		{kind: signRSA(2048), keys: [2]crypto.Signer{keys()[2048][0], keys()[2048][2]}},
		{kind: "p256-sign", keys: [2]crypto.Signer{newECDSA(f, elliptic.P256()), newECDSA(f, elliptic.P256())}},
		{kind: "p384-sign", keys: [2]crypto.Signer{newECDSA(f, elliptic.P384()), newECDSA(f, elliptic.P384())}},
		{kind: "ed25519-sign", keys: [2]crypto.Signer{newEd25519(f), newEd25519(f)}},
	}
	for i, s := range subjects {
		switch s.keys[0].(type) {
		case *rsa.PrivateKey:
			s.opts = []crypto.SignerOpts{crypto.SHA256, crypto.Hash(0), crypto.SHA512}
		case ed25519.PrivateKey:
			s.opts = []crypto.SignerOpts{crypto.Hash(0), crypto.SHA512, &ed25519.Options{Context: "context"}}
		default:
			s.opts = []crypto.SignerOpts{crypto.SHA256, crypto.SHA384, &engine.ECDSAOptions{Hash: crypto.SHA512, Raw: true}}
		}
		for j, key := range s.keys {
			s.signer[j] = wrap(f, e, key)
		}
		for _, size := range []int{0, 32, 48, 64} {
			f.Add(uint8(i), uint8(size), make([]byte, size))
			f.Add(uint8(i), uint8(7), bytes.Repeat([]byte{0xff}, size))
		}
	}
	f.Fuzz(func(t *testing.T, which, lanes uint8, digest []byte) {
		var fs []func()
		number := make(map[string]int)
		add := func(s *subject, lane int) {
			opts, j := s.opts[(lane+len(digest))%len(s.opts)], lane%2
			number[s.kind]++
			fs = append(fs, func() {
				op := &engine.SignOp{Key: s.keys[j], Digest: digest, Opts: opts}
				err := op.Run()
				got, gotErr := s.signer[j].Sign(nil, digest, opts)
				if !bytes.Equal(got, op.Signature) || fmt.Sprint(gotErr) != fmt.Sprint(err) {
					t.Errorf("%s, %v: got %x, %v; want %x, %v", s.kind, opts, got, gotErr, op.Signature, err)
				}
			})
		}
		i := int(which) % len(subjects)
		for lane := range 1 + int(lanes)%8 {
			add(subjects[i], lane)
		}
		for j, s := range subjects {
			if j != i {
				add(s, int(lanes))
			}
		}
		inOneBatch(t, e, number, fs...)
	})
}
