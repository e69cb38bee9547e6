package rpc_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"io"
	"math/big"
	"os/exec"
	"slices"
	"testing"

	"asynccrypto/engine/pkcs11/internal/ck"
	"asynccrypto/engine/pkcs11/internal/rpc"
	"asynccrypto/internal/hsmtest"
)

// helper is a process at the end of two pipes.
type helper struct {
	io.WriteCloser
	io.Reader
	cmd *exec.Cmd
}

func (h helper) Close() error {
	h.WriteCloser.Close()
	h.cmd.Process.Kill()
	h.cmd.Wait()
	return nil
}

// remote starts p11-kit remote.
func remote(t *testing.T, module string) func(context.Context) (io.ReadWriteCloser, error) {
	path, err := exec.LookPath("p11-kit")
	if err != nil {
		t.Skip("no program p11-kit: install the Debian package p11-kit")
	}
	return func(context.Context) (io.ReadWriteCloser, error) {
		cmd := exec.Command(path, "remote", module)
		w, err := cmd.StdinPipe()
		if err != nil {
			return nil, err
		}
		r, err := cmd.StdoutPipe()
		if err != nil {
			return nil, err
		}
		return helper{w, r, cmd}, cmd.Start()
	}
}

// A real module behind a real p11-kit signs and decrypts with keys of every kind.
func TestModule(t *testing.T) {
	m := hsmtest.SoftHSM(t)
	keys := map[string]crypto.Signer{}
	for _, k := range []hsmtest.Kind{hsmtest.RSA2048, hsmtest.P256, hsmtest.P521, hsmtest.Ed25519} {
		keys[string(k)] = hsmtest.NewKey(t, k)
		m.Import(t, string(k), keys[string(k)])
	}
	c, err := rpc.Dial(t.Context(), remote(t, m.Path), rpc.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()

	slot := findToken(t, c, m.Label)
	if i, err := c.SlotInfo(slot); err != nil || i.Manufacturer != "SoftHSM project" {
		t.Errorf("SlotInfo: %+v, %v", i, err)
	}
	mechs, err := c.Mechanisms(slot)
	if err != nil || !slices.Contains(mechs, ck.MechECDSA) || !slices.Contains(mechs, ck.MechRSAPKCSPSS) {
		t.Errorf("Mechanisms: %#x, %v", mechs, err)
	}
	s, err := c.OpenSession(slot)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Login(s, []byte("wrong")); err != ck.RVPINIncorrect {
		t.Errorf("a wrong PIN: %v", err)
	}
	if err := c.Login(s, []byte(m.PIN)); err != nil {
		t.Fatal(err)
	}
	if err := c.Login(s, []byte(m.PIN)); err != ck.RVUserAlreadyLoggedIn {
		t.Errorf("a second login: %v", err)
	}
	all, err := c.Find(s, []ck.Attribute{{Type: ck.AttrClass, Number: ck.ClassPrivateKey}}, 100)
	if err != nil || len(all) != len(keys) {
		t.Errorf("Find: %v, %v", all, err)
	}
	if two, err := c.Find(s, nil, 2); err != nil || len(two) != 2 {
		t.Errorf("Find of 2: %v, %v", two, err)
	}
	find := func(label string, class uint64) ck.Object {
		t.Helper()
		o, err := c.Find(s, []ck.Attribute{{Type: ck.AttrClass, Number: class}, {Type: ck.AttrSign, Bool: true}, {Type: ck.AttrLabel, Bytes: []byte(label)}}, 2)
		if err != nil || len(o) != 1 {
			t.Fatalf("%s: %v, %v", label, o, err)
		}
		return o[0]
	}

	digest := sha256.Sum256([]byte("text"))
	rsaKey := keys["RSA-2048"].(*rsa.PrivateKey)
	o := find("RSA-2048", ck.ClassPrivateKey)
	attrs, err := c.Attributes(s, o, []uint64{ck.AttrClass, ck.AttrModulus, 0xfff0, ck.AttrLabel, ck.AttrECPoint, ck.AttrSign, ck.AttrAlwaysAuthenticate, ck.AttrKeyType, 0x123 /* private exponent */})
	var types []uint64
	for _, a := range attrs {
		types = append(types, a.Type)
	}
	if want := []uint64{ck.AttrClass, ck.AttrModulus, ck.AttrLabel, ck.AttrSign, ck.AttrAlwaysAuthenticate, ck.AttrKeyType}; err != nil || !slices.Equal(types, want) {
		t.Fatalf("Attributes: %#x, want %#x, %v", types, want, err)
	}
	if attrs[0].Number != ck.ClassPrivateKey || new(big.Int).SetBytes(attrs[1].Bytes).Cmp(rsaKey.N) != 0 || string(attrs[2].Bytes) != "RSA-2048" || !attrs[3].Bool || attrs[4].Bool || attrs[5].Number != ck.KeyRSA {
		t.Errorf("Attributes: %+v", attrs)
	}
	sig, err := c.Sign(s, ck.Mechanism{Type: ck.MechRSAPKCSPSS, PSS: &ck.PSS{Hash: ck.MechSHA256, MGF: ck.MGF1SHA256, Salt: 32}}, o, digest[:], nil)
	if err != nil || rsa.VerifyPSS(&rsaKey.PublicKey, crypto.SHA256, digest[:], sig, nil) != nil {
		t.Errorf("PSS: %x, %v", sig, err)
	}
	plain := []byte("plain text")
	for label, want := range map[string]error{"": nil, "a label": ck.RVGeneralError} {
		encrypted, err := rsa.EncryptOAEP(crypto.SHA1.New(), rand.Reader, &rsaKey.PublicKey, plain, []byte(label))
		if err != nil {
			t.Fatal(err)
		}
		got, err := c.Decrypt(s, ck.Mechanism{Type: ck.MechRSAPKCSOAEP, OAEP: &ck.OAEP{Hash: ck.MechSHA1, MGF: ck.MGF1SHA1, Label: []byte(label)}}, o, encrypted, nil)
		if want == nil && (err != nil || string(got) != string(plain)) || want != nil && err == nil {
			t.Errorf("OAEP with label %q: %q, %v", label, got, err)
		}
	}
	//lint:ignore SA1019 tokens still decrypt it
	encrypted, err := rsa.EncryptPKCS1v15(rand.Reader, &rsaKey.PublicKey, plain)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := c.Decrypt(s, ck.Mechanism{Type: ck.MechRSAPKCS}, o, encrypted, nil); err != nil || string(got) != string(plain) {
		t.Errorf("PKCS #1 v1.5: %q, %v", got, err)
	}
	for _, label := range []string{"P-256", "P-521"} {
		pub := keys[label].Public().(*ecdsa.PublicKey)
		sig, err := c.Sign(s, ck.Mechanism{Type: ck.MechECDSA}, find(label, ck.ClassPrivateKey), digest[:], nil)
		n := (pub.Params().BitSize + 7) / 8
		if err != nil || len(sig) != 2*n || !ecdsa.Verify(pub, digest[:], new(big.Int).SetBytes(sig[:n]), new(big.Int).SetBytes(sig[n:])) {
			t.Errorf("%s: %x, %v", label, sig, err)
		}
	}
	text := make([]byte, 100_000)
	sig, err = c.Sign(s, ck.Mechanism{Type: ck.MechEdDSA}, find("Ed25519", ck.ClassPrivateKey), text, nil)
	if err != nil || !ed25519.Verify(keys["Ed25519"].Public().(ed25519.PublicKey), text, sig) {
		t.Errorf("Ed25519: %x, %v", sig, err)
	}

	if _, err := c.Sign(s, ck.Mechanism{Type: ck.MechECDSA}, 999, digest[:], nil); err != ck.RVObjectHandleInvalid {
		t.Errorf("a wrong handle: %v", err)
	}
	if err := c.CloseSession(s); err != nil {
		t.Error(err)
	}
	if _, err := c.Find(s, nil, 1); err != ck.RVSessionHandleInvalid {
		t.Errorf("Find in a closed session: %v", err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if _, err := c.Slots(); err == nil || errors.Is(err, ck.ErrHung) {
		t.Errorf("Slots after Close: %v", err)
	}
}

func findToken(t *testing.T, c ck.Conn, label string) ck.Slot {
	t.Helper()
	slots, err := c.Slots()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range slots {
		i, err := c.TokenInfo(s)
		if err != nil {
			t.Fatal(err)
		}
		if i.Label == label && i.Flags&ck.FlagTokenInitialized != 0 && i.Serial != "" {
			return s
		}
	}
	t.Fatalf("no token %s", label)
	return 0
}

// A module that does not exist is an error of Dial.
func TestNoModule(t *testing.T) {
	c, err := rpc.Dial(t.Context(), remote(t, "/nonexistent.so"), rpc.Options{})
	if err == nil {
		c.Close()
		t.Fatal("no error")
	}
	t.Log(err)
}
