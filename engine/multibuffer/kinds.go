package multibuffer

import (
	"crypto/ecdh"
	"sync"

	"asynccrypto/engine"
	"asynccrypto/internal/ifma"
	"asynccrypto/internal/ifma/nistec"
)

// A kind is a number for the operations that one pass of the kernels can compute together,
// whatever their keys. [engine.Config].Kind gives it for each operation.
type kind int

const (
	alone kind = iota // the standard library does the operation
	rsa2048Sign
	rsa3072Sign
	rsa4096Sign
	rsa2048Verify
	rsa3072Verify
	rsa4096Verify
	p256Sign
	p384Sign
	p256Verify
	p384Verify
	p256VerifyAny
	p384VerifyAny
	ed25519Sign
	ed25519Verify
	ed25519VerifyAny
	x25519Secret
	x25519Generate
)

// kinds is the table of all operations that are vectorized.
var kinds = [...]struct {
	name string
	// least is how many operations a pass must have to take less time than the standard library.
	least int
	// leastCompact is the same with compact tables.
	leastCompact int
	// checked says that a pass checks every result with the public key. A missing result is then a
	// fault of the machine, and Stats.Recomputed counts it. Otherwise the input is at fault: it is
	// a point of low order, or made to meet an exception of the addition formulas.
	checked bool
	// keySize is how many bytes a prepared public key takes.
	keySize int
	newPass func() pass
}{
	alone:            {name: "alone"},
	rsa2048Sign:      {"rsa2048-sign", 1, 1, true, 0, func() pass { return newRSASigner(256) }},
	rsa3072Sign:      {"rsa3072-sign", 1, 1, true, 0, func() pass { return newRSASigner(384) }},
	rsa4096Sign:      {"rsa4096-sign", 1, 1, true, 0, func() pass { return newRSASigner(512) }},
	rsa2048Verify:    {"rsa2048-verify", 1, 1, false, 2 << 10, func() pass { return newRSAVerifier(256) }},
	rsa3072Verify:    {"rsa3072-verify", 1, 1, false, 3 << 10, func() pass { return newRSAVerifier(384) }},
	rsa4096Verify:    {"rsa4096-verify", 1, 1, false, 4 << 10, func() pass { return newRSAVerifier(512) }},
	p256Sign:         {"p256-sign", 1, 2, true, 0, func() pass { return newECDSASigner(nistec.P256()) }},
	p384Sign:         {"p384-sign", 1, 1, true, 0, func() pass { return newECDSASigner(nistec.P384()) }},
	p256Verify:       {"p256-verify", 1, 1, false, 65 << 10, func() pass { return newECDSAVerifier(nistec.P256(), false) }},
	p384Verify:       {"p384-verify", 1, 1, false, 161 << 10, func() pass { return newECDSAVerifier(nistec.P384(), false) }},
	p256VerifyAny:    {"p256-verify-any", 2, 2, false, 0, func() pass { return newECDSAVerifier(nistec.P256(), true) }},
	p384VerifyAny:    {"p384-verify-any", 1, 1, false, 0, func() pass { return newECDSAVerifier(nistec.P384(), true) }},
	ed25519Sign:      {"ed25519-sign", 1, 2, true, 0, func() pass { return newEd25519Signer() }},
	ed25519Verify:    {"ed25519-verify", 1, 1, false, 112 << 10, func() pass { return newEd25519Verifier(false) }},
	ed25519VerifyAny: {"ed25519-verify-any", 2, 2, false, 0, func() pass { return newEd25519Verifier(true) }},
	x25519Secret:     {"x25519-secret", 2, 2, false, 0, func() pass { return newX25519Exchanger() }},
	x25519Generate:   {"x25519-generate", 1, 1, false, 0, func() pass { return newX25519Generator() }},
}

// A pass is the memory of one computation of the kernels for up to [ifma.Lanes] operations of one
// kind. One goroutine at a time uses it.
type pass interface {
	// add puts op into a lane. It returns false for an operation that crypto/* may refuse or does
	// in another way; leave op to its Run method then. add may panic or exit the goroutine in a
	// hash function of the program's own. The lane is still free after that.
	add(lane int, op engine.Op) bool
	// compute computes lanes 0 to n-1. Bit i of done is set if lane i has a result.
	compute(n int) (done uint8)
	// finish stores the result of a lane in its operation, and returns the operation's error. Like
	// add, it may panic.
	finish(lane int) error
	// reset drops all operations and wipes their secrets.
	reset()
}

// prepared is a key as [engine.SignOp].Prepared and its siblings hold it.
type prepared struct {
	kind kind
	key  any // of the type that the passes of kind expect
}

// longMessage is the most bytes of an Ed25519 message that shares a pass. Hashing a longer one takes
// longer than all the rest. It would keep the batch waiting, and several of them would wait for each
// other on one worker while the others are idle.
const longMessage = 64 << 10

// kindOf returns the kind of an operation. The operation's key decides and the length of its
// message. Its other input does not: an operation that no lane can compute is left to the standard
// library by [pass].add.
func kindOf(op engine.Op) kind {
	var key any
	var message []byte
	switch o := op.(type) {
	case *engine.SignOp:
		key, message = o.Prepared, o.Digest
	case *engine.VerifyOp:
		key, message = o.Prepared, o.Digest
	case *engine.ECDHOp:
		key = o.Prepared
	case *engine.GenerateKeyOp:
		if o.Curve == ecdh.X25519() {
			return x25519Generate
		}
	}
	if p, ok := key.(*prepared); ok && p != nil && len(message) <= longMessage {
		return p.kind
	}
	return alone
}

// kindNames returns the names of all kinds, for [engine.Config].Kinds.
func kindNames() (names []string) {
	for _, k := range kinds {
		names = append(names, k.name)
	}
	return names
}

// passes holds unused passes of each kind. They are empty.
var passes [len(kinds)]sync.Pool

func getPass(k kind) pass {
	if p, ok := passes[k].Get().(pass); ok {
		return p
	}
	return kinds[k].newPass()
}

// putPass empties p and keeps it for the next batch of its kind.
func putPass(k kind, p pass) {
	p.reset()
	passes[k].Put(p)
}

// verdict returns the error of o for a signature that a pass has found valid or not.
func verdict(o *engine.VerifyOp, valid bool) error {
	if valid {
		return nil
	}
	return o.Invalid()
}

// must returns the workspace of a new pass. There are keys for it, so the kernels are usable.
func must[W any](workspace W, err error) W {
	if err != nil {
		panic(err)
	}
	return workspace
}

// buffers are the bytes of one operand in each lane.
type buffers [ifma.Lanes][]byte

// lanes returns b as the kernels want it.
func (b *buffers) lanes() *[ifma.Lanes][]byte { return (*[ifma.Lanes][]byte)(b) }

// newBuffers returns buffers of size bytes.
func newBuffers(size int) *buffers {
	b, mem := new(buffers), make([]byte, ifma.Lanes*size)
	for lane := range b {
		b[lane] = mem[lane*size : (lane+1)*size : (lane+1)*size]
	}
	return b
}

// wipe overwrites the bytes of all lanes with zeros.
func (b *buffers) wipe() {
	for _, bytes := range b {
		clear(bytes)
	}
}
