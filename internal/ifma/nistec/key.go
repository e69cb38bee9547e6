package nistec

import (
	"errors"
	"slices"

	"asynccrypto/internal/ifma"
)

// PublicKey is a public key with its table. It is only read after NewPublicKey, so any number of
// workspaces may use it at once.
type PublicKey struct {
	c         *Curve
	table     []vec
	parts     int
	canonical []vec // the point: affine, in plain form, in all lanes
}

// ErrPoint is the error for a public key that is not a point of the curve.
var ErrPoint = errors.New("ifma: the public key is not a point of the curve: check x and y")

// NewPublicKey prepares the public key (x, y), both big-endian and of Size bytes. It returns
// [ErrPoint] unless that is a point of the curve, with coordinates below p. The table takes 53 KB
// for P-256 and 158 KB for P-384. A compact one takes 4 or 8 KB, and a verification with it takes
// 1.5 times as long in a full batch, and 4 times as long alone. Without the kernels the error is
// [ifma.ErrUnsupported].
func (c *Curve) NewPublicKey(x, y []byte, compact bool) (*PublicKey, error) {
	if !ifma.Usable() {
		return nil, ifma.ErrUnsupported
	}
	if !c.isCoordinate(x) || !c.isCoordinate(y) {
		return nil, ErrPoint
	}
	b := c.builders.Get().(*builder)
	defer c.builders.Put(b)
	d := c.digits
	p := ifma.NewVecs(2 * d)
	setBytes(p[:d], 0, x)
	setBytes(p[d:], 0, y)
	setAll(p, p)
	plain := slices.Clone(p)
	c.mul(p[:d], p[:d], c.p.r2)
	c.mul(p[d:], p[d:], c.p.r2)
	if on := c.onCurve(p, b.tmp); on[0] == 0 {
		return nil, ErrPoint
	}
	k := &PublicKey{c: c, parts: c.key.n, canonical: plain}
	if compact {
		k.parts = compactParts
	}
	groups := b.bases(p, c.key.w*c.perPart(k.parts), k.parts)
	k.table = c.newTable(k.parts * c.key.half())
	b.fill(k.table, groups, windows{c.key.w, k.parts})
	return k, nil
}

// isCoordinate reports whether b is a number of c.size bytes below p.
func (c *Curve) isCoordinate(b []byte) bool {
	return len(b) == c.size && string(b) < string(c.p.bytes)
}
