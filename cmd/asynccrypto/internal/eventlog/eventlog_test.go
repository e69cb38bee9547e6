package eventlog

import (
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"asynccrypto/internal/testwait"
)

// For each cause a few lines are written in a period, and then how many more there were. Made-up
// causes fill no memory.
func TestFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := new(testwait.Log)
		l := New(b, "text")
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
		l := New(w, "text")
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

// In JSON each line is an object with a level and the parts of the message, whatever a peer says.
func TestJSON(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := new(testwait.Log)
		l := New(b, "json")
		l.Printf("listening on %s", ":1")
		l.Printf("warning: it has expired")
		for range FailuresInPeriod + 2 {
			l.Failed("handshake failed", "192.0.2.1:1", "a \"cause\"\nof two lines")
		}
		l.Access("192.0.2.1:1", "GET", "/a\r\nb"+strings.Repeat("x", 1000), "HTTP/2.0", 200, 10, 1500*time.Millisecond)
		l.Close()
		var got []map[string]any
		for line := range strings.Lines(b.String()) {
			var object map[string]any
			if err := json.Unmarshal([]byte(line), &object); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			if _, err := time.Parse(time.RFC3339Nano, object["time"].(string)); err != nil {
				t.Error(err)
			}
			delete(object, "time")
			got = append(got, object)
		}
		failed := map[string]any{"level": "WARN", "msg": "handshake failed", "peer": "192.0.2.1:1", "cause": "a \"cause\"\nof two lines"}
		want := []map[string]any{{"level": "INFO", "msg": "listening on :1"}, {"level": "WARN", "msg": "it has expired"}}
		for range FailuresInPeriod {
			want = append(want, failed)
		}
		want = append(want, map[string]any{"level": "INFO", "msg": "request", "peer": "192.0.2.1:1", "method": "GET",
			"path": "/a\r\nb" + strings.Repeat("x", maxCauseLength-5) + "...", "protocol": "HTTP/2.0", "status": 200.0, "bytes": 10.0, "seconds": 1.5},
			map[string]any{"level": "WARN", "msg": "handshake failed: a \"cause\"\nof two lines", "more": 2.0, "seconds": 10.0})
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%v\nnot\n%v", got, want)
		}
	})
}
