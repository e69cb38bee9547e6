package engine

import (
	"bytes"
	"context"
	"crypto/ecdh"
	"crypto/rand"
	"testing"
)

// closingCurve closes a key in the middle of an operation with it.
type closingCurve struct {
	ecdh.Curve
	state *keyState
}

func (c closingCurve) NewPrivateKey(key []byte) (*ecdh.PrivateKey, error) {
	c.state.close()
	return c.Curve.NewPrivateKey(key)
}

// A generated key that is closed under an operation inside another operation is wiped afterwards,
// like any other.
func TestKeyClosedUnderAnOperationInside(t *testing.T) {
	e, err := New(Config{Name: "test", Handler: func(batch []*Request) { batch[0].Run() }})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	key, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	want, err := key.ECDH(key.PublicKey())
	if err != nil {
		t.Fatal(err)
	}
	private := key.Bytes()
	state := new(keyState)
	state.init(nil, func() { clear(private) })
	op := &ECDHOp{Peer: key.PublicKey(), curve: closingCurve{ecdh.X25519(), state}, private: private, state: state}
	inside := func() error { return e.Do(context.Background(), op) }
	if err := e.Do(context.Background(), Func(inside)); err != nil || !bytes.Equal(op.Secret, want) {
		t.Errorf("got %x, %v; want %x", op.Secret, err, want)
	}
	if !bytes.Equal(private, make([]byte, 32)) {
		t.Error("the key is not wiped")
	}
	if err := e.Do(context.Background(), Func(inside)); err != ErrClosed {
		t.Errorf("with a closed key: %v", err)
	}
}
