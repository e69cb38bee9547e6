package eventlog

import (
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"asynccrypto/internal/testwait"
)

// The lines of parts of the server look like the server's own, and those of one kind are limited,
// whatever their errors.
func TestLogger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := new(testwait.Log)
		l := New(b, "text")
		log := l.Logger().With("token", "a\nb").WithGroup("ignored")
		log.Debug("not written")
		log.Info("it is up", "slot", 3)
		for i := range 100 {
			log.Error("it is down", "error", errors.New(strings.Repeat("x", i)))
		}
		time.Sleep(failurePeriod)
		synctest.Wait()
		l.Close()
		got := strings.Split(b.String(), "\n")
		if len(got) != 1+FailuresInPeriod+1+1 || !strings.HasSuffix(got[0], ` it is up (token a\nb, slot 3)`) ||
			!strings.HasSuffix(got[2], ` warning: it is down (token a\nb): x`) ||
			!strings.HasSuffix(got[FailuresInPeriod+1], ` it is down (token a\nb): 95 more within 10s`) {
			t.Errorf("%q", got)
		}
	})
}

func TestLoggerJSON(t *testing.T) {
	b := new(testwait.Log)
	l := New(b, "json")
	l.Logger().Warn("it is down", "token", "web", "error", errors.New("gone"))
	l.Close()
	var got map[string]string
	if err := json.Unmarshal([]byte(b.String()), &got); err != nil {
		t.Fatal(err)
	}
	delete(got, slog.TimeKey)
	if len(got) != 4 || got["level"] != "WARN" || got["msg"] != "it is down" || got["token"] != "web" || got["error"] != "gone" {
		t.Error(got)
	}
}
