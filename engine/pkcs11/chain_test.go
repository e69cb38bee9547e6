package pkcs11_test

import (
	"testing"
	"testing/synctest"
	"time"

	"asynccrypto/engine"
	"asynccrypto/engine/fallback"
	"asynccrypto/engine/pkcs11"
	"asynccrypto/engine/pkcs11/internal/ck"
	"asynccrypto/engine/pkcs11/internal/faketoken"
	"asynccrypto/engine/pkcs11/internal/wire"
)

// A chain of a token and a second place of its key, while the token is away. No operation fails. The
// first ones wait for a token that hangs, until the breaker opens. When the token is back, a probe
// finds that out, and the token signs again. No operation waits for a connection.
func TestChain(t *testing.T) {
	const attempt, away = 100 * time.Millisecond, 10 * time.Second
	for name, tt := range map[string]struct {
		hook faketoken.Hook
		wait time.Duration // of each operation, before the breaker opens
	}{
		"hangs": {func(int, wire.Call) error { return faketoken.ErrHang }, attempt},
		"dies":  {func(int, wire.Call) error { return faketoken.ErrDrop }, 0},
		"is removed": {func(_ int, call wire.Call) error {
			if call == wire.Sign || call == wire.GetSlotList {
				return ck.RVTokenNotPresent
			}
			return nil
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, pkcs11.Options{Hang: 3 * time.Second}, func(t *testing.T, m *faketoken.Module, token *pkcs11.Token, key engine.Signer) {
				chain, err := fallback.New(fallback.Options{},
					fallback.Member{Name: "hsm", Signer: key, Timeout: attempt}, fallback.Member{Name: "file", Signer: testKey()})
				if err != nil {
					t.Fatal(err)
				}
				defer chain.Close()
				// sign signs, and wants one member to do it after a wait.
				sign := func(by int, wait time.Duration) {
					t.Helper()
					before, start := chain.Stats(), time.Now()
					if err := use(chain); err != nil {
						t.Fatal(err)
					}
					done := func(m fallback.MemberStats) uint64 { return m.Operations - m.Failures - m.Timeouts }
					if after := chain.Stats()[by]; done(after) != done(before[by])+1 || time.Since(start) != wait {
						t.Errorf("after %v: %+v", time.Since(start), chain.Stats())
					}
				}
				wantState := func(want fallback.State) {
					t.Helper()
					synctest.Wait()
					if st := chain.Stats()[0]; st.State != want || st.Opened > 1 {
						t.Fatalf("%+v", st)
					}
				}

				sign(0, 0)
				m.On(slow(tt.hook))
				for range 3 {
					wantState(fallback.Closed)
					sign(1, tt.wait)
				}
				for start := time.Now(); time.Since(start) < away; time.Sleep(attempt / 2) {
					sign(1, 0)
				}
				wantState(fallback.Open)
				m.Heal()
				// The calls that hang end, and a connection and a probe follow.
				time.Sleep(5 * time.Second)
				wantState(fallback.Closed)
				sign(0, 0)
				if h := token.Health(); !h.Up || (h.Hung > 0) != (tt.wait > 0) {
					t.Errorf("%+v", h)
				}
			})
		})
	}
}
