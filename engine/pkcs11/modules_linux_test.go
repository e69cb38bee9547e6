package pkcs11_test

import (
	"testing"

	"asynccrypto/engine/pkcs11"
	"asynccrypto/engine/pkcs11/internal/moduletest"
	"asynccrypto/internal/hsmtest"
)

func TestModules(t *testing.T) { moduletest.Modules(t, pkcs11.Options{Sessions: 2}) }

// TestPINForEachSignature signs with a real key that wants the PIN for each signature
// (CKA_ALWAYS_AUTHENTICATE).
func TestPINForEachSignature(t *testing.T) {
	soft := hsmtest.SoftHSM(t)
	soft.Generate(t, "key", "--always-auth")
	m, c := hsmtest.Proxy(t, soft)
	tok, key := moduletest.OpenKey(t, m, pkcs11.Options{Sessions: 1})
	keys, err := tok.Keys(t.Context())
	if err != nil || len(keys) != 1 || !keys[0].AlwaysAuthenticate {
		t.Fatalf("the keys are %+v, %v", keys, err)
	}
	logins := c.Calls(hsmtest.Login)
	for range 3 {
		if err := moduletest.Sign(key); err != nil {
			t.Fatal(err)
		}
	}
	if n := c.Calls(hsmtest.Login) - logins; n != 3 {
		t.Errorf("%d logins for 3 signatures", n)
	}
}
