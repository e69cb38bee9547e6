package pkcs11_test

import (
	"context"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"asynccrypto/engine"
	"asynccrypto/engine/pkcs11"
	"asynccrypto/engine/pkcs11/internal/ck"
	"asynccrypto/engine/pkcs11/internal/faketoken"
	"asynccrypto/engine/pkcs11/internal/rpc"
)

const (
	rightPIN = "1234"
	fakeURI  = "pkcs11:token=fake?module-path=/fake.so&pin-value=" + rightPIN
)

// newFake returns a module with one token and its keys. A key's ID is its place, from 0.
func newFake(keys ...*faketoken.Key) *faketoken.Module {
	for i, k := range keys {
		k.ID = []byte{byte(i)}
	}
	return faketoken.New(keys...)
}

// through returns o with connections to m.
func through(m *faketoken.Module, o pkcs11.Options) pkcs11.Options {
	o.Connect = func(ctx context.Context, _ string) (io.ReadWriteCloser, error) { return m.Connect(ctx) }
	return o
}

// openFake opens the module's token, through connections unless o has Load.
func openFake(t *testing.T, m *faketoken.Module, o pkcs11.Options) *pkcs11.Token {
	t.Helper()
	token, err := pkcs11.Open(fakeURI, through(m, o))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeFake(t, m, token) })
	return token
}

// closeFake closes the token and looks whether it has left a connection.
func closeFake(t *testing.T, m *faketoken.Module, token *pkcs11.Token) {
	t.Helper()
	if err := token.Close(); err != nil {
		t.Error(err)
	}
	if n := m.Open(); n != 0 {
		t.Errorf("%d connections are left", n)
	}
	m.Wait()
}

// inBubble runs a test with a fake token, a key on it, and time of its own.
func inBubble(t *testing.T, o pkcs11.Options, test func(t *testing.T, m *faketoken.Module, token *pkcs11.Token, key engine.Signer)) {
	t.Helper()
	inBubbleWith(t, o, func(*faketoken.Module) {}, test)
}

// inBubbleWith is inBubble with a fake that prepare has changed.
func inBubbleWith(t *testing.T, o pkcs11.Options, prepare func(*faketoken.Module), test func(t *testing.T, m *faketoken.Module, token *pkcs11.Token, key engine.Signer)) {
	t.Helper()
	testKey()
	synctest.Test(t, func(t *testing.T) {
		m := newFake(&faketoken.Key{Key: testKey(), Label: "site"})
		prepare(m)
		token := openFake(t, m, o)
		key, err := token.Signer("pkcs11:object=site")
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // the session is idle a moment after an operation's end
		if err := use(key); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		test(t, m, token, key)
	})
}

// loadFake returns the function for Options.Load of a Token that takes m for a module in this
// process. Such a module may connect at the last moment, when the Token has been closed.
func loadFake(m *faketoken.Module) func(string, string, time.Duration) (ck.Dialer, error) {
	return func(string, string, time.Duration) (ck.Dialer, error) { return loaded{m}, nil }
}

type loaded struct{ *faketoken.Module }

func (l loaded) Dial(context.Context) (ck.Conn, error) {
	return rpc.Dial(context.Background(), l.Connect, rpc.Options{})
}

func (loaded) Close() error { return nil }
