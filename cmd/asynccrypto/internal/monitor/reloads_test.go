package monitor

import (
	"maps"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// A reload that fails is seen until one succeeds, and leaves the time of the last success.
func TestReloads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		r := NewReloads()
		page := prometheus.NewRegistry()
		page.MustRegister(r.Figures()...)
		check := func(successful float64, after time.Duration) {
			t.Helper()
			families, err := page.Gather()
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]float64{}
			for _, f := range families {
				got[f.GetName()] = f.GetMetric()[0].GetGauge().GetValue()
			}
			want := map[string]float64{
				"asynccrypto_reload_successful":                successful,
				"asynccrypto_reload_success_timestamp_seconds": float64(began.Add(after).Unix()),
			}
			if !maps.Equal(got, want) {
				t.Errorf("%v, want %v", got, want)
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
