package asynctls

import (
	"runtime"
	"testing"
)

// A scrape in the middle of a storm shows no more resumed handshakes than there were.
func TestStatsAgree(t *testing.T) {
	s := new(Server)
	over := make(chan struct{})
	t.Cleanup(func() { close(over) })
	go func() {
		for {
			select {
			case <-over:
				return
			default: // as hand and opened count
				s.figures.accepted.Add(1)
				s.figures.handshakes.Add(1)
				s.figures.resumed.Add(1)
			}
		}
	}()
	for range 200_000 {
		if st := s.Stats(); st.Resumed > st.Handshakes || st.Handshakes > st.Accepted {
			t.Fatalf("%+v", st)
		}
		if s.figures.resumed.Load() == 0 {
			runtime.Gosched()
		}
	}
}
