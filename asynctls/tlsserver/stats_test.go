package tlsserver

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
			default: // as dispatch and opened count
				s.counters.accepted.Add(1)
				s.counters.handshakes.Add(1)
				s.counters.resumed.Add(1)
			}
		}
	}()
	for range 200_000 {
		if st := s.Stats(); st.Resumed > st.Handshakes || st.Handshakes > st.Accepted {
			t.Fatalf("%+v", st)
		}
		if s.counters.resumed.Load() == 0 {
			runtime.Gosched()
		}
	}
}
