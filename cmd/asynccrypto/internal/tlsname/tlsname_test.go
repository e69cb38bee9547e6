package tlsname

import (
	"crypto/tls"
	"testing"
)

func TestKeyExchanges(t *testing.T) {
	for text, want := range map[string]tls.CurveID{"p256": tls.CurveP256, "X25519": tls.X25519, "x25519-mlkem768": tls.X25519MLKEM768} {
		if k, err := FindKeyExchange(text); err != nil || k.ID != want {
			t.Errorf("%s: %v, %v", text, k, err)
		}
	}
	if _, err := FindKeyExchange("P-257"); err == nil {
		t.Error("there is no P-257")
	}
	for _, k := range KeyExchanges {
		if got := OfKeyExchange(k.ID); got != k.Name {
			t.Errorf("%s is called %s", k.Name, got)
		}
	}
	if got := OfKeyExchange(0); got != "" {
		t.Errorf("no key exchange is called %q", got)
	}
	if got := OfKeyExchange(0xffff); got == "" {
		t.Error("an unknown one has no name")
	}
}
