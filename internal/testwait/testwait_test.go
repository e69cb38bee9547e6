package testwait

import (
	"flag"
	"testing"
	"testing/synctest"
	"time"
)

// A test gives up before -timeout ends the process, which would not name the event.
func TestLimit(t *testing.T) {
	f := flag.Lookup("test.timeout")
	before := f.Value.String()
	defer flag.Set(f.Name, before) // it has no effect on package testing any more
	for _, tt := range []struct {
		timeout     string
		least, most time.Duration // from now
	}{
		{"0s", 5 * time.Minute, 6 * time.Minute},
		{"100h", 5 * time.Minute, 6 * time.Minute},
		{"11s", -time.Hour, time.Second},
	} {
		if err := flag.Set(f.Name, tt.timeout); err != nil {
			t.Fatal(err)
		}
		now := time.Now()
		if after := Limit().Sub(now); after < tt.least || after > tt.most {
			t.Errorf("-timeout %s: %v", tt.timeout, after)
		}
	}
	synctest.Test(t, func(t *testing.T) { // whose time is that of the year 2000
		if after := time.Until(Limit()); after != 5*time.Minute {
			t.Errorf("in a bubble: %v", after)
		}
	})
}
