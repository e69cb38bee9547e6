package provider

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"asynccrypto/bench/internal/harness"
	"asynccrypto/bench/internal/harness/harnesstest"
	"asynccrypto/bench/internal/programs"
)

func TestMain(m *testing.M) { harnesstest.Main(m, Subject()) }

func TestUsage(t *testing.T) {
	for pattern, complaint := range map[string]string{
		"(":    "missing closing",
		"none": "there are haproxy-3.0 rsa2048, ",
	} {
		o := options{pattern: pattern}
		if _, err := o.check(); err == nil || !strings.Contains(err.Error(), complaint) {
			t.Errorf("%s: %v", pattern, err)
		}
	}
	for pattern, want := range map[string]bool{"": false, "rsa2048|idle": true} {
		o := options{pattern: pattern}
		if part, err := o.check(); part != want || err != nil {
			t.Errorf("%q: %v, %v", pattern, part, err)
		}
	}
}

// newSession returns a session that measures little of the sections that match a pattern, with these
// HAProxys.
func newSession(t *testing.T, pattern, haproxy string) *session {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("programs with the provider are measured on linux only")
	}
	run := harnesstest.Run(t, Subject(), 1, 100*time.Millisecond)
	o := options{pattern: pattern, haproxy: haproxy, openssl: "openssl", load: load{warm: 20 * time.Millisecond, clients: 8, idle: 32}}
	if _, err := o.check(); err != nil {
		t.Fatal(err)
	}
	s, err := o.prepare(t.Context(), run)
	if harness.IsMissing(err) {
		harnesstest.Without(t, err.Error())
	} else if err != nil {
		t.Fatal(err)
	}
	return s
}

// needHAProxy skips a test where HAProxy is missing.
func needHAProxy(t *testing.T) *programs.HAProxy {
	t.Helper()
	h, err := programs.FindHAProxy(t.Context(), "haproxy")
	if harness.IsMissing(err) {
		harnesstest.Without(t, err.Error())
	} else if err != nil {
		t.Fatal(err)
	}
	return h
}

// A run with little of everything fills the rows of the programs that are there.
func TestProvider(t *testing.T) {
	s := newSession(t, "", "haproxy")
	needHAProxy(t)
	if err := s.Each(t.Context(), func(round int) error { return s.round(t.Context(), round) }); err != nil {
		t.Fatal(err)
	}
	s.Result.Conclude()
	var rows []string
	for _, table := range s.Result.Tables {
		for _, row := range table.Rows {
			if row.Skipped != "" {
				rows = append(rows, row.Name)
				continue
			}
			var heads []string
			for _, v := range row.Values {
				heads = append(heads, v.Head)
				mayBeLess := []string{"the async way", "memory", "beyond plain", "plain"} // in so short a time, or of so few
				if len(v.Rounds) != s.Rounds || v.Least <= 0 && !slices.Contains(mayBeLess, v.Head) && row.Name != "memory" {
					t.Errorf("%s: %s is %+v", row.Name, v.Head, v.Series)
				}
			}
			rows = append(rows, row.Name+": "+strings.Join(heads, ", "))
		}
	}
	const duel = ": plain, with the provider, key server, together, times as cheap, batch, plain rate, rate"
	for _, want := range []string{
		"rsa3072" + duel, "rsa4096" + duel, "memory: plain, with the provider, beyond plain", "file descriptors: plain, with the provider, beyond plain",
	} {
		if !slices.Contains(rows, want) {
			t.Errorf("no row %q; there are %q", want, rows)
		}
	}
	for _, r := range nginxRows {
		if name := r.name() + duel; !slices.Contains(rows, name) && !slices.Contains(rows, "nginx") {
			t.Errorf("no row %q; there are %q", name, rows)
		}
	}
}

// A program that is missing has a row that says so.
func TestMissing(t *testing.T) {
	s := newSession(t, "haproxy|idle", "no-such-haproxy")
	s.Result.Conclude()
	if len(s.steps) > 0 || len(s.Result.Missing) != 1 || len(s.Result.Tables) != 3 {
		t.Fatalf("%d steps, %q, %d tables", len(s.steps), s.Result.Missing, len(s.Result.Tables))
	}
	for _, table := range s.Result.Tables {
		if len(table.Rows) != 1 || !strings.Contains(table.Rows[0].Skipped, "no HAProxy") {
			t.Errorf("%s: %+v", table.Title, table.Rows)
		}
	}
}

// A program that does not use the key server is found out, and so is one that does not serve.
func TestFinds(t *testing.T) {
	s := newSession(t, "haproxy", "haproxy")
	h := needHAProxy(t)
	k := s.keys["ecdsap256"]
	s.dir = t.TempDir()
	var err error
	if s.program, err = harness.CopyOfThis(s.dir); err != nil {
		t.Fatal(err)
	}
	alone := func(cpu int, _ programs.Key, _ bool, _ []string) (*programs.Server, error) {
		return h.Start(cpu, programs.HAProxyServer{Key: k.plain})
	}
	if _, _, err := s.load(t.Context(), server{start: alone}, k, true); err == nil || !strings.Contains(err.Error(), "the key server signed 0 times") {
		t.Error(err)
	}
	none := errors.New("none")
	dead := func(int, programs.Key, bool, []string) (*programs.Server, error) { return nil, none }
	if _, _, err := s.load(t.Context(), server{start: dead}, k, true); err != none {
		t.Error(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := s.load(ended, haproxyServer(h), k, false); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, err := new(keyServer).do(keyServerOrder{Do: "none"}); err == nil {
		t.Error("a key server took an order that does not exist")
	}
}

func TestBetween(t *testing.T) {
	var begin, end moment
	if _, err := between(begin, end); err == nil {
		t.Error("a figure of no handshake")
	}
	end.cpu, end.keys.CPU = 3e6, 1e6
	end.clients.Done, end.clients.Time, end.clients.CPU = 10, time.Second, 1e6
	end.keys.Batches, end.keys.Batched = 2, 10
	f, err := between(begin, end)
	if want := (figures{server: 300, keyServer: 100, rate: 10, batch: 5}); f != want || err != nil {
		t.Errorf("%+v, %v", f, err)
	}
	for _, test := range []struct {
		servers, clients int
		busy             map[int]int64
		want             float64
	}{
		{1, 0, map[int]int64{1: 5e6, 0: 1e6}, 0.8},
		{1, 0, map[int]int64{1: 4e6, 0: 2e6}, 0.5},
		{0, 0, map[int]int64{0: 10e6}, 0.5},
		{1, 0, map[int]int64{1: 4e6, 0: 0}, 1},
		{harness.NoPin, harness.NoPin, map[int]int64{harness.NoPin: 10e6}, 0.5},
		{harness.NoPin, harness.NoPin, nil, 1},
	} {
		u := &under{session: &session{serverCPU: test.servers, clientCPU: test.clients}}
		end.busy = test.busy
		if got := u.share(begin, end); got != test.want {
			t.Errorf("%+v: %v", test, got)
		}
	}
}
