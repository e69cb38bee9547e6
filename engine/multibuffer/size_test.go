package multibuffer

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"runtime"
	"testing"
)

// The table of kinds knows how much memory a prepared public key takes, within a quarter. The
// cache counts on it.
func TestSizesOfPublicKeys(t *testing.T) {
	if ok, why := Supported(); !ok {
		t.Skip(why)
	}
	var keys []crypto.PublicKey
	for _, k := range RSAKeys() {
		keys = append(keys, &k[0].PublicKey)
	}
	for _, c := range []elliptic.Curve{elliptic.P256(), elliptic.P384()} {
		k, err := ecdsa.GenerateKey(c, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, &k.PublicKey)
	}
	ed, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	keys = append(keys, ed)
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	for _, compact := range []bool{false, true} {
		h := &handler{compact: compact}
		for _, key := range keys {
			const n = 32
			all := make([]*prepared, n)
			kind := h.public(key).kind // also what is made at the first use
			before := heap()
			for i := range all {
				all[i] = h.public(key)
			}
			each := int(heap()-before) / n
			runtime.KeepAlive(all)
			t.Logf("%s, compact %v: %d bytes", kinds[kind].name, compact, each)
			if want := kinds[kind].keySize; !compact && (each < want*3/4 || each > want*5/4) {
				t.Errorf("%s: %d bytes, not %d", kinds[kind].name, each, want)
			}
		}
	}
}
