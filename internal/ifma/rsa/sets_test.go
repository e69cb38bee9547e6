package rsa

import (
	"strings"
	"testing"
	"time"

	"asynccrypto/internal/ifma"
)

// everySet runs a test with each set of kernels for RSA-2048.
func everySet(t *testing.T, f func(t *testing.T)) {
	for _, set := range sets {
		t.Run(set, func(t *testing.T) {
			use(t, set)
			f(t)
		})
	}
}

var sets = []string{karatsuba, schoolbook}

// layouts returns the layouts of all widths, and with each set.
func layouts() []layout {
	all := []layout{{d: 2 * block, schoolbook: true}}
	for _, width := range widths {
		all = append(all, layout{d: digitsFor(width)})
	}
	return all
}

// use makes a set the chosen one until the test ends.
func use(t testing.TB, set string) {
	before := chosen
	chosen = func() choice { return choice{set, "chosen by a test"} }
	t.Cleanup(func() { chosen = before })
}

func TestChoose(t *testing.T) {
	for _, c := range []struct {
		env                   string
		karatsuba, schoolbook time.Duration
		want                  string
	}{
		{"", 1000, 2000, karatsuba},
		{"", 2000, 1000, schoolbook},
		{"", 1000, 1000, karatsuba},
		{"fastest", 2000, 1000, schoolbook},
		{karatsuba, 2000, 1000, karatsuba},
		{schoolbook, 1000, 2000, schoolbook},
	} {
		runs := 0
		got := choose(c.env, func() func(set string) time.Duration {
			return func(set string) time.Duration {
				runs++
				slow := time.Duration(runs%3) * time.Millisecond // other programs
				if set == schoolbook {
					return c.schoolbook + slow
				}
				return c.karatsuba + slow
			}
		})
		if got.set != c.want {
			t.Errorf("%+v: %+v", c, got)
		}
		byEnv := c.env == karatsuba || c.env == schoolbook
		if byEnv != (runs == 0) || byEnv != strings.Contains(got.reason, KernelsVar) {
			t.Errorf("%+v: %d runs, %s", c, runs, got.reason)
		}
	}
}

// TestStopwatch measures the kernels of this CPU.
func TestStopwatch(t *testing.T) {
	if ok, why := ifma.Supported(); !ok {
		t.Skip(why)
	}
	measure := stopwatch()
	for _, set := range sets {
		if d := measure(set); d <= 0 {
			t.Errorf("%s takes %v", set, d)
		}
	}
	t.Log(choose("", stopwatch))
	set, reason := Kernels()
	t.Logf("%s: %s", set, reason)
	if set != karatsuba && set != schoolbook || reason == "" {
		t.Errorf("set %q, reason %q", set, reason)
	}
}
