package monitor

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

// A reload that fails is seen until one succeeds, and leaves the time of the last success.
func TestReloads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		r := NewReloads()
		check := func(successful float64, after time.Duration) {
			t.Helper()
			at := began.Add(after)
			if got := [2]float64{testutil.ToFloat64(r.successful), testutil.ToFloat64(r.at)}; got != [2]float64{successful, float64(at.Unix())} {
				t.Errorf("%v, want %v and %v", got, successful, at.Unix())
			}
		}
		check(1, 0)
		time.Sleep(time.Minute)
		r.Note(false)
		check(0, 0)
		time.Sleep(time.Minute)
		r.Note(true)
		check(1, 2*time.Minute)
	})
}
