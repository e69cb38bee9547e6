package audit

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func TestRecord(t *testing.T) {
	at := time.Date(2026, 11, 29, 12, 14, 3, 123_999_999, time.FixedZone("", 2*3600))
	for want, r := range map[string]Record{
		`{"time":"2026-11-29T10:14:03.123Z","peer":"dns:app","key":"web","op":"sign","hash":"sha256","padding":"pss",` +
			`"context":"tls13-server","digest":"0001020304050607","hedge":"ffffffffffffffff","ms":0.812,"result":"ok"}`: {
			Time: at, Peer: "dns:app", Key: "web", Operation: "sign", Hash: "sha256", Padding: "pss", Context: "tls13-server",
			Digest: []byte{0, 1, 2, 3, 4, 5, 6, 7, 8}, Hedge: 1<<64 - 1, Duration: 812_400 * time.Nanosecond, Result: "ok",
		},
		`{"time":"2026-11-29T10:14:03.123Z","peer":"uid:0","digest":"ff","ms":61000.000,"result":"denied"}`: {
			Time: at, Peer: "uid:0", Digest: []byte{255}, Duration: 61 * time.Second, Result: "denied",
		},
		`{"time":"0001-01-01T00:00:00.000Z","peer":"others","result":"refused","refused":1234}`: {Peer: "others", Result: "refused", Refused: 1234},
		`{"time":"0001-01-01T00:00:00.000Z"}`:                                                   {},
		`{"time":"0001-01-01T00:00:00.000Z","peer":"a\n{\"b\"\\\u2028\u0000","key":"süß"}`:      {Peer: "a\n{\"b\"\\\u2028\x00", Key: "süß"},
		`{"time":"0001-01-01T00:00:00.000Z","key":"` + strings.Repeat("k", 512) + `"}`:          {Key: strings.Repeat("k", 513)},
	} {
		if got := string(r.appendLine(nil)); got != want+"\n" {
			t.Errorf("%+v:\n%swant\n%s", r, got, want)
		}
	}
	if got, want := string(appendGap(nil, at, 12)), `{"time":"2026-11-29T10:14:03.123Z","result":"lost","lost":12}`+"\n"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// FuzzRecord has clients choose what a record says. It stays one line of JSON.
func FuzzRecord(f *testing.F) {
	f.Add("dns:app", "web", "c", []byte("digest"), uint64(1), int64(1000))
	f.Add("a\nb", "\"}\n{\"", "\xff\u2028\\", []byte{}, uint64(0), int64(-1))
	f.Fuzz(func(t *testing.T, peer, key, context string, digest []byte, hedge uint64, duration int64) {
		r := Record{Peer: peer, Key: key, Context: context, Digest: digest, Hedge: hedge, Duration: time.Duration(duration)}
		line := string(r.appendLine([]byte("before")))
		line, before := strings.CutPrefix(line, "before")
		line, end := strings.CutSuffix(line, "\n")
		var got struct{ Peer, Key, Context string }
		if err := json.Unmarshal([]byte(line), &got); err != nil || !before || !end {
			t.Fatalf("%q: %v", line, err)
		}
		for _, c := range []byte(line) {
			if c < ' ' {
				t.Fatalf("%q has a control character", line)
			}
		}
		for name, values := range map[string][2]string{"peer": {peer, got.Peer}, "key": {key, got.Key}, "context": {context, got.Context}} {
			want := string([]rune(values[0][:min(len(values[0]), maxString)])) // bytes that are not UTF-8 become U+FFFD
			if values[1] != want {
				t.Fatalf("%s is %q, want %q", name, values[1], want)
			}
		}
	})
}

func BenchmarkRecord(b *testing.B) {
	r := Record{
		Time: time.Now(), Peer: "spiffe://corp/edge", Key: "web", Operation: "sign", Hash: "sha256", Padding: "pss", Context: "tls13-server",
		Digest: make([]byte, 32), Duration: 812_400, Result: "ok",
	}
	var line []byte
	b.ReportAllocs()
	for b.Loop() {
		line = r.appendLine(line[:0])
	}
}
