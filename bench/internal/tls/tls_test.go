package tls

import (
	"fmt"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"asynccrypto/bench/internal/harness/harnesstest"
	"asynccrypto/engine/multibuffer"
)

func TestMain(m *testing.M) { harnesstest.Main(m, Subject()) }

func TestUsage(t *testing.T) {
	for pattern, complaint := range map[string]string{
		"(":    "missing closing",
		"none": `there are "rsa2048 x25519", `,
	} {
		o := options{pattern: pattern}
		if _, err := o.check(); err == nil || !strings.Contains(err.Error(), complaint) {
			t.Errorf("%s: %v", pattern, err)
		}
	}
	for pattern, want := range map[string]bool{"": false, "echo|memory": true} {
		o := options{pattern: pattern}
		if part, err := o.check(); part != want || err != nil {
			t.Errorf("%q: %v, %v", pattern, part, err)
		}
	}
}

// A run with little of everything measures what it is to measure.
func TestTLS(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("servers on event loops, and the CPU time and memory of processes, are measured on linux only")
	}
	run := harnesstest.Run(t, Subject(), 1, 50*time.Millisecond)
	o := options{load: load{warm: 20 * time.Millisecond, clients: 8, storm: 8, conns: 4, idle: 32}}
	if _, err := o.check(); err != nil {
		t.Fatal(err)
	}
	s, err := o.prepare(t.Context(), run)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Each(t.Context(), func(round int) error { return s.round(t.Context(), round) }); err != nil {
		t.Fatal(err)
	}
	run.Result.Conclude()
	lanes, _ := multibuffer.Supported()
	mayBeZero := []string{figureWaited, figureCPU, figureBusy, figureStorm} // in so short a time
	for _, side := range s.sides {
		name := side.section + ": " + side.report.Name
		if side.report.Skipped != "" {
			if !side.nginx || len(run.Result.Missing) == 0 {
				t.Errorf("%s was skipped: %s", name, side.report.Skipped)
			}
			continue
		}
		if len(side.report.Values) == 0 || side.handshakes == 0 {
			t.Errorf("%s: %+v", name, side)
		}
		for _, v := range side.report.Values {
			if len(v.Rounds) != 1 || v.Median < 0 || v.Median == 0 && !slices.Contains(mayBeZero, v.Head) {
				t.Errorf("%s: %s is %+v", name, v.Head, v.Series)
			}
		}
		curve := "X25519, "
		switch side.section {
		case sectionDefault:
			curve = "X25519MLKEM768, "
		case sectionMemory:
			curve = ""
		}
		if !side.nginx && !strings.HasPrefix(side.negotiated, curve) {
			t.Errorf("%s negotiated %s", name, side.negotiated)
		}
		if rsa := side.section == sectionRSA || side.section == sectionDefault; rsa && side.spec.Engine && lanes && side.lanes < side.handshakes {
			t.Errorf("%s: %d handshakes, %d in the lanes", name, side.handshakes, side.lanes)
		}
	}
	tables := run.Result.Tables
	if len(tables) != len(sections)+1 {
		t.Fatalf("%d tables of %d sections", len(tables), len(sections))
	}
	compared := 0
	for _, c := range comparisons {
		if c.base != "nginx" || len(run.Result.Missing) == 0 {
			compared++
		}
	}
	if rows := tables[len(sections)].Rows; len(rows) < compared {
		t.Errorf("%d comparisons, not %d", len(rows), compared)
	}
}

func TestOrders(t *testing.T) {
	keys, err := newKeys()
	if err != nil {
		t.Fatal(err)
	}
	if err := new(server).serve(&spec{Kind: "none", Key: keys.p256}); err == nil {
		t.Error("there is a server of no kind")
	}
	if _, err := new(server).do(serverOrder{Do: "none"}); err == nil {
		t.Error("the server took an order that does not exist")
	}
}

// A comparison says how many times better ours is, whether its figure is a time or a rate.
func TestComparisons(t *testing.T) {
	run := harnesstest.Run(t, Subject(), 1, time.Millisecond)
	s := &session{Run: run, options: options{only: regexp.MustCompile("rsa2048 x25519|latency")}}
	s.tables()
	s.comparisons()
	s.side(sectionRSA, "std").note(figures{figureCPU: 900, figureRate: 1000})
	s.side(sectionRSA, "ours").note(figures{figureCPU: 225, figureRate: 4000})
	s.side(sectionRSA, "nginx").note(figures{figureCPU: 450, figureRate: 2000})
	s.side(sectionLatency, "ours").note(figures{figureP99: 1.5})
	run.Result.Conclude()
	got := map[string]string{}
	for _, row := range run.Result.Tables[2].Rows {
		v := row.Values[len(row.Values)-1]
		got[row.Name] = fmt.Sprint(v.Median, " ", v.Verdict)
	}
	for name, want := range map[string]string{
		"rsa2048 x25519: server CPU, event loop beside goroutines": "4 met",
		"rsa2048 x25519: handshakes/s, event loop beside nginx":    "2 met",
		"rsa2048 x25519: server CPU, event loop beside nginx":      "2 ",
		"latency: p99 of an echo, event loop":                      "1.5 met",
	} {
		if got[name] != want {
			t.Errorf("%s: %q, not %q; all are %q", name, got[name], want, got)
		}
	}
}
