package rpc_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"asynccrypto/engine/pkcs11/internal/ck"
	"asynccrypto/engine/pkcs11/internal/faketoken"
	"asynccrypto/engine/pkcs11/internal/rpc"
	"asynccrypto/engine/pkcs11/internal/wire"
)

var newKeys = sync.OnceValue(func() (keys struct {
	rsa     *rsa.PrivateKey
	ec      *ecdsa.PrivateKey
	ed25519 ed25519.PrivateKey
}) {
	var errs [3]error
	keys.rsa, errs[0] = rsa.GenerateKey(rand.Reader, 2048)
	keys.ec, errs[1] = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	_, keys.ed25519, errs[2] = ed25519.GenerateKey(rand.Reader)
	if err := errors.Join(errs[:]...); err != nil {
		panic(err)
	}
	return keys
})

// newModule returns a module with three keys, whose private keys have the handles 1, 3 and 5.
func newModule() *faketoken.Module {
	k := newKeys()
	return faketoken.New(&faketoken.Key{Key: k.rsa, Label: "rsa", ID: []byte{1}},
		&faketoken.Key{Key: k.ec, Label: "ec", ID: bytes.Repeat([]byte{2}, 10_000), AlwaysAuthenticate: true},
		&faketoken.Key{Key: k.ed25519, Label: "ed25519"})
}

const rsaKey, ecKey, edKey = ck.Object(1), ck.Object(3), ck.Object(5)

// dial connects, and open opens a session too and logs in.
func dial(t *testing.T, m *faketoken.Module, o rpc.Options) ck.Conn {
	t.Helper()
	c, err := rpc.Dial(t.Context(), m.Connect, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func open(t *testing.T, m *faketoken.Module, o rpc.Options) (ck.Conn, ck.Session) {
	t.Helper()
	c := dial(t, m, o)
	s, err := c.OpenSession(1)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Login(s, []byte("1234")); err != nil {
		t.Fatal(err)
	}
	return c, s
}

// Every kind of operation works in every version of the protocol, also with servers that end the
// connection at the first byte of a newer client.
func TestVersions(t *testing.T) {
	for _, v := range []struct {
		max byte
		old bool
	}{{0, true}, {0, false}, {1, false}, {2, false}, {3, false}} {
		t.Run(fmt.Sprintf("%d,%v", v.max, v.old), func(t *testing.T) {
			m := newModule()
			m.MaxVersion, m.Old = v.max, v.old
			c, s := open(t, m, rpc.Options{})
			k := newKeys()
			digest := sha256.Sum256([]byte("text"))

			sig, err := c.Sign(s, ck.Mechanism{Type: ck.MechRSAPKCSPSS, PSS: &ck.PSS{Hash: ck.MechSHA256, MGF: ck.MGF1SHA256, Salt: 20}}, rsaKey, digest[:], nil)
			if err != nil || rsa.VerifyPSS(&k.rsa.PublicKey, crypto.SHA256, digest[:], sig, &rsa.PSSOptions{SaltLength: 20}) != nil {
				t.Errorf("PSS: %x, %v", sig, err)
			}
			sig, err = c.Sign(s, ck.Mechanism{Type: ck.MechECDSA}, ecKey, digest[:], []byte("1234"))
			if err != nil || len(sig) != 64 || !ecdsa.Verify(&k.ec.PublicKey, digest[:], new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:])) {
				t.Errorf("ECDSA: %x, %v", sig, err)
			}
			sig, err = c.Sign(s, ck.Mechanism{Type: ck.MechEdDSA}, edKey, digest[:], nil)
			if err != nil || !ed25519.Verify(k.ed25519.Public().(ed25519.PublicKey), digest[:], sig) {
				t.Errorf("EdDSA: %x, %v", sig, err)
			}
			for _, label := range []string{"", "label"} {
				secret, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, &k.rsa.PublicKey, []byte("secret"), []byte(label))
				if err != nil {
					t.Fatal(err)
				}
				plain, err := c.Decrypt(s, ck.Mechanism{Type: ck.MechRSAPKCSOAEP, OAEP: &ck.OAEP{Hash: ck.MechSHA256, MGF: ck.MGF1SHA256, Label: []byte(label)}}, rsaKey, secret, nil)
				if err != nil || string(plain) != "secret" {
					t.Errorf("OAEP, label %q: %q, %v", label, plain, err)
				}
			}
		})
	}
}

// An answer that is an error leaves the connection in step, and the first error of several counts.
func TestErrors(t *testing.T) {
	m := newModule()
	c, s := open(t, m, rpc.Options{})
	input := make([]byte, 32)
	for name, want := range map[string]error{"no key": ck.RVKeyHandleInvalid, "no mechanism": ck.RVMechanismInvalid,
		"no PIN": ck.RVUserNotLoggedIn, "wrong PIN": ck.RVPINIncorrect, "too long": ck.RVDataLenRange, "no error": nil} {
		mech, key, pin, in := ck.MechECDSA, ecKey, []byte("1234"), input
		switch name {
		case "no key":
			key = 99
		case "no mechanism":
			mech = 0x1042
		case "no PIN":
			pin = nil
		case "wrong PIN":
			pin = []byte("4321")
		case "too long":
			in = make([]byte, wire.MaxMessage)
		}
		if _, err := c.Sign(s, ck.Mechanism{Type: uint64(mech)}, key, in, pin); err != want {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
	}
	if _, err := c.Decrypt(s, ck.Mechanism{Type: ck.MechRSAPKCS}, rsaKey, input, nil); err != faketoken.RVEncryptedDataInvalid {
		t.Error(err)
	}
	if _, err := c.Find(99, nil, 1); err != ck.RVSessionHandleInvalid {
		t.Error(err)
	}
	if _, err := c.TokenInfo(2); err != ck.RVSlotIDInvalid {
		t.Error(err)
	}
	if info, err := c.TokenInfo(1); err != nil || info.Label != "fake" || info.Serial != "1" {
		t.Errorf("%+v, %v", info, err)
	}
}

// The search ends at its limit, and also if the module fails in the middle.
func TestFind(t *testing.T) {
	m := newModule()
	c, s := open(t, m, rpc.Options{})
	for limit, want := range []int{0, 1, 2, 3, 3} {
		o, err := c.Find(s, []ck.Attribute{{Type: ck.AttrClass, Number: ck.ClassPrivateKey}}, limit)
		if err != nil || len(o) != want {
			t.Errorf("at most %d: %v, %v", limit, o, err)
		}
	}
	o, err := c.Find(s, []ck.Attribute{{Type: ck.AttrLabel, Bytes: []byte("ec")}, {Type: ck.AttrSign, Bool: true}}, 9)
	if err != nil || len(o) != 1 || o[0] != ecKey {
		t.Errorf("%v, %v", o, err)
	}
	m.Fail(wire.FindObjects, 1, ck.RVDeviceError)
	if _, err := c.Find(s, nil, 9); err != ck.RVDeviceError {
		t.Error(err)
	}
	if o, err := c.Find(s, nil, 9); err != nil || len(o) != 6 {
		t.Errorf("after an error: %v, %v", o, err)
	}
}

func TestAttributes(t *testing.T) {
	m := newModule()
	c, s := open(t, m, rpc.Options{})
	for o, calls := range map[ck.Object]int{rsaKey: 1, ecKey: 3} { // ecKey's id is longer than the usual room
		before := m.Calls(wire.GetAttributeValue)
		as, err := c.Attributes(s, o, []uint64{ck.AttrKeyType, ck.AttrAlwaysAuthenticate, 0x7777, ck.AttrID, ck.AttrLabel})
		if err != nil || len(as) != 4 {
			t.Fatalf("%v, %v", as, err)
		}
		if n := m.Calls(wire.GetAttributeValue) - before; n != calls {
			t.Errorf("%d calls, want %d", n, calls)
		}
		if ec := o == ecKey; as[0].Number != map[bool]uint64{true: ck.KeyEC, false: ck.KeyRSA}[ec] || as[1].Bool != ec || len(as[2].Bytes) != map[bool]int{true: 10_000, false: 1}[ec] || as[3].Type != ck.AttrLabel {
			t.Errorf("%v", as)
		}
	}
}

// A call that is not answered ends after the time that Options give, and the connection with it.
func TestHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newModule()
		c, s := open(t, m, rpc.Options{Hang: time.Minute})
		time.Sleep(time.Hour) // an idle connection does not end
		m.On(func(_ int, c wire.Call) error {
			if c == wire.Sign {
				return faketoken.ErrHang
			}
			time.Sleep(59 * time.Second) // C_SignInit and C_Sign are one call here
			return nil
		})
		start := time.Now()
		_, err := c.Sign(s, ck.Mechanism{Type: ck.MechEdDSA}, edKey, nil, nil)
		if took := time.Since(start); err != ck.ErrHung || took != time.Minute {
			t.Errorf("%v after %v", err, took)
		}
		if _, err := c.Slots(); err != ck.ErrHung {
			t.Errorf("the next call: %v", err)
		}
		if n := m.Open(); n != 0 {
			t.Errorf("%d connections are open", n)
		}
	})
}

// The other side may not answer the very first byte either, and Dial's context may end.
func TestDialHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		silent := func(context.Context) (io.ReadWriteCloser, error) {
			client, server := net.Pipe()
			go io.Copy(io.Discard, server)
			return client, nil
		}
		start := time.Now()
		_, err := rpc.Dial(t.Context(), silent, rpc.Options{})
		if took := time.Since(start); err != ck.ErrHung || took != rpc.DefaultHang {
			t.Errorf("%v after %v", err, took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start = time.Now()
		_, err = rpc.Dial(ctx, silent, rpc.Options{})
		if took := time.Since(start); err != context.DeadlineExceeded || took != time.Second {
			t.Errorf("%v after %v", err, took)
		}
		if _, err := rpc.Dial(t.Context(), func(context.Context) (io.ReadWriteCloser, error) { return nil, io.ErrNoProgress }, rpc.Options{}); err != io.ErrNoProgress {
			t.Errorf("%v", err)
		}
	})
}

// A connection that the other side ends, and one that is closed during a call, are different errors.
func TestEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newModule()
		m.On(func(_ int, c wire.Call) error {
			switch c {
			case wire.Sign:
				return faketoken.ErrDrop
			case wire.Decrypt:
				return faketoken.ErrHang
			}
			return nil
		})
		c, s := open(t, m, rpc.Options{})
		_, err := c.Sign(s, ck.Mechanism{Type: ck.MechEdDSA}, edKey, nil, nil)
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Error(err)
		}
		if _, err2 := c.Slots(); err2 != err {
			t.Errorf("the next call: %v", err2)
		}

		c, s = open(t, m, rpc.Options{})
		go func() {
			time.Sleep(time.Second)
			c.Close()
		}()
		if _, err = c.Decrypt(s, ck.Mechanism{Type: ck.MechRSAPKCS}, rsaKey, nil, nil); !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
		var e ck.Error
		if errors.As(err, &e) {
			t.Errorf("%v is an answer of the module", err)
		}
	})
}

// The memory of a connection does not keep a PIN or what was decrypted.
func TestWipe(t *testing.T) {
	m := newModule()
	var sent, received *recorder
	c, err := rpc.Dial(t.Context(), func(ctx context.Context) (io.ReadWriteCloser, error) {
		rw, err := m.Connect(ctx)
		sent, received = new(recorder), new(recorder)
		return struct {
			io.Reader
			io.Writer
			io.Closer
		}{received.reader(rw), sent.writer(rw), rw}, err
	}, rpc.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	s, err := c.OpenSession(1)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Login(s, []byte("1234")); err != nil {
		t.Fatal(err)
	}
	//lint:ignore SA1019 tokens still decrypt it
	secret, err := rsa.EncryptPKCS1v15(rand.Reader, &newKeys().rsa.PublicKey, []byte("plain text"))
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := c.Decrypt(s, ck.Mechanism{Type: ck.MechRSAPKCS}, rsaKey, secret, nil); err != nil || string(plain) != "plain text" {
		t.Fatal(err)
	}
	if !sent.saw("1234") || !received.saw("plain text") {
		t.Error("the recorders did not see the secrets, so the test says nothing")
	}
	if sent.keeps("1234") || received.keeps("plain text") {
		t.Error("a buffer keeps a secret")
	}
}

// A recorder keeps the buffers that go through a Reader or a Writer, and copies of them.
type recorder struct{ buffers, copies [][]byte }

func (r *recorder) add(p []byte) {
	r.buffers = append(r.buffers, p)
	r.copies = append(r.copies, bytes.Clone(p))
}

func (r *recorder) reader(from io.Reader) io.Reader {
	return readFunc(func(p []byte) (int, error) {
		n, err := from.Read(p)
		r.add(p[:n])
		return n, err
	})
}

func (r *recorder) writer(to io.Writer) io.Writer {
	return writeFunc(func(p []byte) (int, error) {
		r.add(p)
		return to.Write(p)
	})
}

func (r *recorder) saw(s string) bool   { return contain(r.copies, s) }
func (r *recorder) keeps(s string) bool { return contain(r.buffers, s) }

func contain(all [][]byte, s string) bool {
	for _, p := range all {
		if bytes.Contains(p, []byte(s)) {
			return true
		}
	}
	return false
}

type readFunc func([]byte) (int, error)

func (f readFunc) Read(p []byte) (int, error) { return f(p) }

type writeFunc func([]byte) (int, error)

func (f writeFunc) Write(p []byte) (int, error) { return f(p) }
