package direct_test

import (
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"asynccrypto/engine"
	"asynccrypto/engine/pkcs11"
	"asynccrypto/engine/pkcs11/direct"
	"asynccrypto/engine/pkcs11/internal/moduletest"
	"asynccrypto/internal/hsmtest"
	"asynccrypto/internal/testwait"
)

func TestModules(t *testing.T) {
	moduletest.Modules(t, pkcs11.Options{Sessions: 2, Load: direct.Load})
}

// TestOutages takes a token away while two Tokens of its module sign, and brings it back.
func TestOutages(t *testing.T) {
	soft := hsmtest.SoftHSM(t)
	soft.Import(t, "key", hsmtest.NewKey(t, hsmtest.P256))
	m, c := hsmtest.Proxy(t, soft)
	o := pkcs11.Options{Sessions: 3, Hang: 500 * time.Millisecond, Retry: 10 * time.Millisecond, Load: direct.Load}
	var signed, refused [2]atomic.Int64
	var stopped atomic.Bool
	var signers sync.WaitGroup
	defer signers.Wait()
	defer stopped.Store(true)
	for i := range signed {
		_, key := moduletest.OpenKey(t, m, o)
		for range 4 {
			signers.Go(func() {
				for !stopped.Load() {
					switch err := moduletest.Sign(key); {
					case err == nil:
						signed[i].Add(1)
					case errors.Is(err, engine.ErrUnavailable):
						refused[i].Add(1)
						time.Sleep(time.Millisecond)
					default:
						t.Errorf("neither a signature nor ErrUnavailable: %v", err)
						return
					}
				}
			})
		}
	}
	await := func(what string, counts *[2]atomic.Int64) {
		t.Helper()
		for i := range counts {
			n := counts[i].Load() + 10
			testwait.Await(t, what, func() bool { return counts[i].Load() >= n || t.Failed() })
		}
	}
	rename := func(from, to string) {
		if err := os.Rename(from, to); err != nil {
			t.Error(err)
		}
	}
	const deviceRemoved = 0x32
	for _, outage := range []struct {
		name       string
		begin, end func()
	}{
		{"dead", func() { c.Dead(deviceRemoved) }, func() { c.Dead(0) }},
		{"hang", func() { c.Hang(true) }, func() { c.Hang(false) }},
		{"away", func() { rename(m.Files, m.Files+".away") }, func() { rename(m.Files+".away", m.Files) }},
	} {
		await("signatures", &signed)
		outage.begin()
		await("refusals while "+outage.name, &refused)
		outage.end()
		await("signatures after "+outage.name, &signed)
	}
}

// TestExample runs the example, which go test does not without a token.
func TestExample(t *testing.T) {
	m := hsmtest.SoftHSM(t)
	m.Import(t, "site", hsmtest.NewKey(t, hsmtest.P256))
	t.Setenv("KEY_URI", m.URI("site"))
	ExampleLoad()
}
