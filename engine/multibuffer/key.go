package multibuffer

import (
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"errors"
	"fmt"

	"asynccrypto/internal/ifma"
	"asynccrypto/internal/ifma/curve25519"
	"asynccrypto/internal/ifma/nistec"
	lanersa "asynccrypto/internal/ifma/rsa"
)

// prepare makes a copy of a private key for the kernels. A key that the kernels do not accept, or
// of another kind, gets none and is left to the standard library. prepare refuses an invalid RSA
// key, because a signature with it could give its primes away.
func (h *handler) prepare(key crypto.PrivateKey) (_ any, wipe func(), err error) {
	var p *prepared
	switch k := key.(type) {
	case *rsa.PrivateKey:
		p, wipe, err = prepareRSA(k)
	case *ecdsa.PrivateKey:
		p, wipe = h.prepareECDSA(k)
	case ed25519.PrivateKey:
		p, wipe = h.prepareEd25519(k)
	case *ecdh.PrivateKey:
		p, wipe = prepareX25519(k)
	}
	if p == nil {
		return nil, nil, err
	}
	return p, wipe, nil
}

func prepareRSA(k *rsa.PrivateKey) (*prepared, func(), error) {
	if k == nil {
		return nil, nil, nil
	}
	c := *k // the caller's key stays as it is
	if pre := c.Precomputed; len(c.Primes) == 2 && (pre.Dp == nil || pre.Dq == nil || pre.Qinv == nil) {
		c.Precompute() // before Validate, which would do it too and throw the result away
	}
	if err := c.Validate(); err != nil {
		return nil, nil, err
	}
	if len(c.Primes) != 2 {
		return nil, nil, nil
	}
	// math/big sees the secrets once for each key, as it does in crypto/rsa's own preparation.
	// FillBytes copies words; its time depends only on their number.
	size := c.Size()
	secret := make([]byte, 5*size)
	defer clear(secret)
	field := func(i int) []byte { return secret[i*size : (i+1)*size] }
	lanes, err := lanersa.NewKey(c.N.Bytes(), c.E,
		c.Primes[0].FillBytes(field(0)), c.Primes[1].FillBytes(field(1)),
		c.Precomputed.Dp.FillBytes(field(2)), c.Precomputed.Dq.FillBytes(field(3)), c.Precomputed.Qinv.FillBytes(field(4)))
	switch {
	case errors.Is(err, lanersa.ErrKeySize), errors.Is(err, ifma.ErrUnsupported):
		return nil, nil, nil
	case err != nil:
		return nil, nil, fmt.Errorf("multibuffer: %w", err)
	}
	k1 := map[int]kind{256: rsa2048Sign, 384: rsa3072Sign, 512: rsa4096Sign}[lanes.Size()]
	return &prepared{k1, lanes}, lanes.Wipe, nil
}

// prepareECDSA leaves a key whose parts do not belong together to crypto/ecdsa, which signs with
// the scalar. The lanes would verify with the point, and take each signature for a fault.
func (h *handler) prepareECDSA(k *ecdsa.PrivateKey) (*prepared, func()) {
	//lint:ignore SA1019 Bytes panics for a key without a scalar
	if k == nil || k.D == nil {
		return nil, nil
	}
	pub := h.preparePublicECDSA(&k.PublicKey)
	if pub == nil {
		return nil, nil
	}
	scalar, err := k.Bytes()
	if err != nil {
		return nil, nil
	}
	defer clear(scalar)
	c, kinds, _ := encodePoint(nil, &k.PublicKey)
	key, err := c.NewPrivateKey(scalar, pub.key.(*nistec.PublicKey))
	if err != nil {
		return nil, nil
	}
	return &prepared{kinds.sign, key}, key.Wipe
}

// prepareEd25519 leaves a key whose halves do not belong together to crypto/ed25519, for the
// reason at prepareECDSA.
func (h *handler) prepareEd25519(k ed25519.PrivateKey) (*prepared, func()) {
	if len(k) != ed25519.PrivateKeySize {
		return nil, nil
	}
	key, err := curve25519.NewPrivateKey(k[:ed25519.SeedSize], k[ed25519.SeedSize:], h.compact)
	if err != nil {
		return nil, nil
	}
	return &prepared{ed25519Sign, key}, key.Wipe
}

func prepareX25519(k *ecdh.PrivateKey) (*prepared, func()) {
	if k == nil || k.Curve() != ecdh.X25519() {
		return nil, nil
	}
	scalar := k.Bytes()
	return &prepared{x25519Secret, scalar}, func() { clear(scalar) }
}

// preparePublic prepares a public key for the kernels. A key that they do not accept gets nothing
// and is left to the standard library, whose word on an invalid key is the one that counts.
func (h *handler) preparePublic(key crypto.PublicKey) (any, error) {
	if p := h.public(key); p != nil {
		return p, nil
	}
	return nil, nil
}

func (h *handler) public(key crypto.PublicKey) *prepared {
	switch k := key.(type) {
	case *rsa.PublicKey:
		return preparePublicRSA(k)
	case *ecdsa.PublicKey:
		return h.preparePublicECDSA(k)
	case ed25519.PublicKey:
		if key, err := curve25519.NewPublicKey(k, h.compact); err == nil {
			return &prepared{ed25519Verify, key}
		}
	}
	return nil
}

func preparePublicRSA(k *rsa.PublicKey) *prepared {
	if k == nil || k.N == nil || k.N.Sign() <= 0 {
		return nil
	}
	key, err := lanersa.NewPublicKey(k.N.Bytes(), k.E)
	if err != nil {
		return nil
	}
	return &prepared{rsaVerify(key.Size()), key}
}

// rsaVerify returns the kind of a verification with a modulus of size bytes.
func rsaVerify(size int) kind {
	switch size {
	case 256:
		return rsa2048Verify
	case 384:
		return rsa3072Verify
	case 512:
		return rsa4096Verify
	}
	return alone
}

func (h *handler) preparePublicECDSA(k *ecdsa.PublicKey) *prepared {
	c, kinds, point := encodePoint(nil, k)
	if c == nil {
		return nil
	}
	key, err := c.NewPublicKey(point[:c.Size()], point[c.Size():], h.compact)
	if err != nil {
		return nil
	}
	return &prepared{kinds.verify, key}
}

// anyKey returns a key in the form in which a pass takes unprepared keys, or nil if no pass does. id
// is the content of the key, by appendID.
func anyKey(id []byte) *prepared {
	if len(id) == 0 {
		return nil
	}
	var any kind
	switch kind(id[0]) {
	case p256Verify:
		any = p256VerifyAny
	case p384Verify:
		any = p384VerifyAny
	case ed25519Verify:
		any = ed25519VerifyAny
	default:
		return nil
	}
	k := new(unprepared)
	k.content = k.data[:copy(k.data[:], id[1:])]
	k.prepared = prepared{any, k}
	return &k.prepared
}

// unprepared is a public key that is not prepared, in the memory of one allocation.
type unprepared struct {
	prepared
	content []byte // both coordinates of a point, or the Ed25519 key
	data    [2 * 384 / 8]byte
}

// point returns the key as a point.
func (k *unprepared) point() nistec.Point {
	size := len(k.content) / 2
	return nistec.Point{X: k.content[:size], Y: k.content[size:]}
}

// curveKinds are the kinds of a curve.
type curveKinds struct{ sign, verify kind }

// encodePoint appends the coordinates of a key to buf, each as long as the curve's Size. They need
// not be those of a point. It returns no curve for a key that cannot be encoded so, or of another
// curve. crypto/ecdsa, too, takes any curve with these parameters for that curve.
func encodePoint(buf []byte, k *ecdsa.PublicKey) (c *nistec.Curve, kinds curveKinds, point []byte) {
	if k == nil || k.Curve == nil {
		return nil, kinds, buf
	}
	//lint:ignore SA1019 the method Bytes checks the point, which takes as long as a verification in a lane
	x, y := k.X, k.Y
	if x == nil || y == nil || x.Sign() < 0 || y.Sign() < 0 {
		return nil, kinds, buf
	}
	switch params(k.Curve) {
	case elliptic.P256().Params():
		c, kinds = nistec.P256(), curveKinds{p256Sign, p256Verify}
	case elliptic.P384().Params():
		c, kinds = nistec.P384(), curveKinds{p384Sign, p384Verify}
	default:
		return nil, kinds, buf
	}
	size := c.Size()
	if x.BitLen() > 8*size || y.BitLen() > 8*size {
		return nil, kinds, buf
	}
	point = append(buf, make([]byte, 2*size)...)
	x.FillBytes(point[len(buf):][:size])
	y.FillBytes(point[len(buf)+size:])
	return c, kinds, point
}

// params returns the parameters of a curve, or nil if it panics, as a program's own curve may: that
// is for the operation with the key, and not for those who look for a lane.
func params(curve elliptic.Curve) (p *elliptic.CurveParams) {
	defer func() { _ = recover() }()
	return curve.Params()
}

// check refuses the keys that prepare refuses, on a machine without kernels: the CPU must not
// decide which keys a program can use. crypto/rsa itself signs with a key that was changed after
// it was precomputed.
func check(key crypto.PrivateKey) (prepared any, wipe func(), err error) {
	if k, ok := key.(*rsa.PrivateKey); ok && k != nil {
		err = k.Validate()
	}
	return nil, nil, err
}
