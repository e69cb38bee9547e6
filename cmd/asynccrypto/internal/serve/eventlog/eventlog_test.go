package eventlog

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"asynccrypto/cmd/asynccrypto/internal/tlstest"
)

// For each cause a few lines are written in a period, and then how many more there were. Made-up
// causes fill no memory.
func TestFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := new(tlstest.Log)
		l := New(b)
		for i := range 1000 {
			l.Failed("handshake failed", fmt.Sprint("peer ", i), "it broke\nhere")
		}
		l.Failed("handshake failed", "peer x", "another cause")
		synctest.Wait()
		if s := b.String(); strings.Count(s, "\n") != FailuresInPeriod+1 || strings.Count(s, `it broke\nhere`) != FailuresInPeriod {
			t.Error(s)
		}
		time.Sleep(failurePeriod)
		synctest.Wait()
		if s := b.String(); strings.Count(s, "\n") != FailuresInPeriod+2 || !strings.Contains(s, `handshake failed: it broke\nhere: 995 more within 10s`) {
			t.Error(s)
		}
		for i := range 1000 {
			l.Failed("handshake failed", "peer", fmt.Sprint("cause ", i, strings.Repeat("x", 2*maxCauseLength)))
		}
		if len(l.causes) != maxCauses+1 {
			t.Errorf("%d causes", len(l.causes))
		}
		l.Close()
		l.Printf("too late")
		if s := b.String(); !strings.Contains(s, "handshake failed: other causes: 945 more") || strings.Contains(s, "too late") {
			t.Error(s)
		}
	})
}

// A log that nothing reads blocks no caller.
func TestStuckReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		l := New(w)
		for i := range 2 * queueLength {
			l.Printf("line %d", i)
		}
		got := make(chan string)
		go func() {
			all, _ := io.ReadAll(r)
			got <- string(all)
		}()
		synctest.Wait()
		l.Printf("again")
		l.Close()
		w.Close()
		if s := <-got; !strings.Contains(s, " lines were lost") || !strings.HasSuffix(s, "again\n") {
			t.Error(s)
		}
	})
}
