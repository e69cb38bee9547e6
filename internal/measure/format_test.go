package measure

import (
	"testing"
	"time"
)

func TestNumbers(t *testing.T) {
	for f, want := range map[float64]string{
		0: "0", 1: "1", 1.234: "1.23", 12.34: "12.3", 64: "64", 100: "100", 999.6: "1,000", 1234: "1,234", 1234567: "1,234,567",
	} {
		if got := Number(f); got != want {
			t.Errorf("Number(%v) is %q", f, got)
		}
	}
	for d, want := range map[time.Duration]string{
		0: "0 ns", 999: "999 ns", 1000: "1.00 us", 9996: "10.0 us", 99_960: "100 us", 999_600: "1.00 ms",
		123456789: "123 ms", 1500 * time.Millisecond: "1.50 s", 5000 * time.Second: "5000 s",
	} {
		if got := Duration(d); got != want {
			t.Errorf("Duration(%d) is %q, not %q", d, got, want)
		}
	}
	if a, b := Count(1, "job"), Count(1500, "job"); a != "1 job" || b != "1,500 jobs" {
		t.Errorf("%q, %q", a, b)
	}
}
