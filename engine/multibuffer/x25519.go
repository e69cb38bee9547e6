package multibuffer

import (
	"crypto/ecdh"
	"crypto/rand"

	"asynccrypto/engine"
	"asynccrypto/engine/internal/sysrand"
	"asynccrypto/internal/ifma"
	"asynccrypto/internal/ifma/curve25519"
)

const x25519Size = 32

// x25519Exchanger computes shared secrets of X25519.
type x25519Exchanger struct {
	w               *curve25519.Workspace
	ops             [ifma.Lanes]*engine.ECDHOp
	scalars, points [ifma.Lanes][]byte
	secrets         [ifma.Lanes][]byte
}

func newX25519Exchanger() *x25519Exchanger {
	return &x25519Exchanger{w: must(curve25519.NewWorkspace())}
}

func (p *x25519Exchanger) add(lane int, op engine.Op) bool {
	o := op.(*engine.ECDHOp)
	if o.Peer == nil || o.Peer.Curve() != ecdh.X25519() {
		return false
	}
	p.ops[lane], p.scalars[lane], p.points[lane] = o, o.Prepared.(*prepared).key.([]byte), o.Peer.Bytes()
	p.secrets[lane] = make([]byte, x25519Size)
	return true
}

// compute leaves secrets of zeros to the standard library, which refuses the points of low order
// that give them.
func (p *x25519Exchanger) compute(n int) (done uint8) {
	return p.w.X25519(&p.secrets, &p.scalars, &p.points, n)
}

func (p *x25519Exchanger) finish(lane int) error {
	p.ops[lane].Secret = p.secrets[lane]
	return nil
}

func (p *x25519Exchanger) reset() { *p = x25519Exchanger{w: p.w} }

// x25519Generator generates keys for X25519.
type x25519Generator struct {
	w             *curve25519.Workspace
	ops           [ifma.Lanes]*engine.GenerateKeyOp
	scalars, pubs [ifma.Lanes][]byte
}

func newX25519Generator() *x25519Generator {
	return &x25519Generator{w: must(curve25519.NewWorkspace())}
}

// add leaves the operation to crypto/ecdh if the program has replaced crypto/rand's reader. Go takes
// no keys from such a reader unless GODEBUG=cryptocustomrand=1 is set.
func (p *x25519Generator) add(lane int, op engine.Op) bool {
	if !sysrand.InPlace() {
		return false
	}
	p.ops[lane] = op.(*engine.GenerateKeyOp)
	p.scalars[lane], p.pubs[lane] = make([]byte, x25519Size), make([]byte, x25519Size)
	rand.Read(p.scalars[lane])
	return true
}

func (p *x25519Generator) compute(n int) (done uint8) {
	p.w.BasePoint(&p.pubs, &p.scalars, n)
	return 0xff
}

func (p *x25519Generator) finish(lane int) (err error) {
	o, scalar := p.ops[lane], p.scalars[lane]
	o.Private, o.Prepared = scalar, &prepared{x25519Secret, scalar}
	o.Public, err = ecdh.X25519().NewPublicKey(p.pubs[lane])
	return err
}

func (p *x25519Generator) reset() { *p = x25519Generator{w: p.w} }
