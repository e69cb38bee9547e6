package wire

import (
	"crypto"
	"testing"
)

func TestHashes(t *testing.T) {
	for h := NoHash; ; h++ {
		c, known := h.Crypto()
		if !known {
			if h != SHA3_512+1 {
				t.Errorf("the first unknown hash is %d", h)
			}
			break
		}
		if back, ok := HashOf(c); !ok || back != h {
			t.Errorf("HashOf(%v) is %v, %v", c, back, ok)
		}
		if back, ok := HashNamed(h.String()); !ok || back != h {
			t.Errorf("HashNamed(%v) is %v, %v", h, back, ok)
		}
	}
	if _, ok := HashOf(crypto.MD5); ok {
		t.Error("MD5 has a number")
	}
	if _, ok := HashNamed("hash 200"); ok {
		t.Error("an unknown hash has a name")
	}
}

func TestWords(t *testing.T) {
	for got, want := range map[string]string{
		OpSign.String(): "sign", OpPing.String(): "ping", Op(0).String(): "operation 0", Op(4).String(): "operation 4",
		NoHash.String(): "nohash", SHA256.String(): "sha256", SHA3_512.String(): "sha3-512", Hash(200).String(): "hash 200",
		NoPadding.String(): "none", PSS.String(): "pss", Padding(3).String(): "padding 3",
		OK.String(): "ok", Unavailable.String(): "unavailable", Status(8).String(): "status 8",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
