package main

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// Of the same cause a few lines are written in a period, and then how many more there were; made-up causes fill no memory.
func TestServeLogFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := new(logBuffer)
		l := newServeLog(b)
		for i := range 1000 {
			l.failed("handshake failed", fmt.Sprint("peer ", i), "it broke\nhere")
		}
		l.failed("handshake failed", "peer x", "another cause")
		synctest.Wait()
		if s := b.String(); strings.Count(s, "\n") != failuresAtOnce+1 || strings.Count(s, `it broke\nhere`) != failuresAtOnce {
			t.Error(s)
		}
		time.Sleep(failurePeriod)
		synctest.Wait()
		if s := b.String(); strings.Count(s, "\n") != failuresAtOnce+2 || !strings.Contains(s, `handshake failed: it broke\nhere: 995 more within 10s`) {
			t.Error(s)
		}
		for i := range 1000 {
			l.failed("handshake failed", "peer", fmt.Sprint("cause ", i, strings.Repeat("x", 2*maxCause)))
		}
		if len(l.causes) != maxCauses+1 {
			t.Errorf("%d causes", len(l.causes))
		}
		l.close()
		l.printf("too late")
		if s := b.String(); !strings.Contains(s, "handshake failed: other causes: 945 more") || strings.Contains(s, "too late") {
			t.Error(s)
		}
	})
}

// A log that nobody takes holds up nobody.
func TestServeLogStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		l := newServeLog(w)
		for i := range 2 * logQueue {
			l.printf("line %d", i)
		}
		got := make(chan string)
		go func() {
			all, _ := io.ReadAll(r)
			got <- string(all)
		}()
		synctest.Wait()
		l.printf("again")
		l.close()
		w.Close()
		if s := <-got; !strings.Contains(s, " lines were lost") || !strings.HasSuffix(s, "again\n") {
			t.Error(s)
		}
	})
}
