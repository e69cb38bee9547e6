package main

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"asynccrypto/engine/multibuffer"
)

func TestTLSUsage(t *testing.T) {
	for args, complaint := range map[string]string{
		"tls -rounds 0":    "at least one round",
		"tls -seconds 0":   "from 0.01",
		"tls -seconds 601": "from 0.01",
		"tls -only (":      "missing closing",
		"tls -only none":   `there are "rsa2048 x25519", `,
		"tls nginx":        `unexpected argument "nginx"`,
	} {
		var out, err strings.Builder
		status := run(t.Context(), strings.Fields(args), stdio{&out, &err})
		if status != 2 || out.Len() > 0 || strings.Count(err.String(), "\n") != 1 || !strings.Contains(err.String(), complaint) {
			t.Errorf("%s: status %d, %q, %q", args, status, out.String(), err.String())
		}
	}
}

// A run with little of everything: what is measured is what was to be.
func TestTLS(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("servers on event loops, and what processes take, are measured on linux only")
	}
	p, err := parseTLS([]string{"-quick", "-rounds", "1", "-seconds", "0.1", "-only", "25519|default|latency|memory|echo"})
	if err != nil {
		t.Fatal(err)
	}
	p.warm, p.clients, p.storm, p.conns, p.idle = 50*time.Millisecond, 16, 20, 10, 100
	f, err := p.measure(t.Context(), progress{io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	lanes, _ := multibuffer.Supported()
	for _, s := range f.Sides {
		if s.Skipped != "" {
			if !s.nginx || f.Missing == "" {
				t.Errorf("%s: %s was skipped: %s", s.Section, s.Name, s.Skipped)
			}
			continue
		}
		if len(s.Figures) == 0 || s.Handshakes == 0 {
			t.Errorf("%s: %s: %+v", s.Section, s.Name, s)
		}
		for name, v := range s.Figures {
			if len(v.Rounds) != 1 || v.Median < 0 || v.Median == 0 && name != figureWaited && name != figureCPU {
				t.Errorf("%s: %s: %s is %+v", s.Section, s.Name, name, v)
			}
		}
		curve := "X25519, "
		if s.Section == sectionDefault && !s.nginx {
			curve = "X25519MLKEM768, "
		}
		if s.Section == sectionMemory {
			curve = ""
		}
		if !s.nginx && !strings.HasPrefix(s.Negotiated, curve) {
			t.Errorf("%s: %s negotiated %s", s.Section, s.Name, s.Negotiated)
		}
		if rsa := s.Section == sectionRSA || s.Section == sectionDefault; rsa && s.spec.Engine && lanes && s.Lanes < s.Handshakes {
			t.Errorf("%s: %s: %d handshakes, %d in the lanes", s.Section, s.Name, s.Handshakes, s.Lanes)
		}
	}
	if len(f.Results) != len(tlsTargets) {
		t.Errorf("%d results of %d targets", len(f.Results), len(tlsTargets))
	}
	var text, asJSON strings.Builder
	if err := errors.Join(f.writeText(&text), f.writeJSON(&asJSON)); err != nil || !json.Valid([]byte(asJSON.String())) {
		t.Error(err, asJSON.String())
	}
	for _, s := range tlsSections {
		if s.name != sectionWake && !strings.Contains(text.String(), "\n"+s.title+"\n") {
			t.Errorf("no %q in\n%s", s.title, text.String())
		}
	}
	for line := range strings.Lines(text.String()) {
		if strings.TrimRight(line, " \n")+"\n" != line {
			t.Errorf("blanks at the end of %q", line)
		}
	}
}

// Clients refuse what is not the server that was to be measured.
func TestTLSInspects(t *testing.T) {
	keys, err := newTLSKeys()
	if err != nil {
		t.Fatal(err)
	}
	s, c := new(tlsServer), &tlsClient{stopped: make(chan struct{})}
	if err := s.serve(&tlsSpec{Kind: kindGoroutine, Key: keys.p256}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.do(tlsOrder{Do: "connect", Load: &tlsLoad{Addr: s.addr, Cert: keys.rsa2048.Cert, Clients: 1}}); err == nil ||
		!strings.Contains(err.Error(), "another certificate") {
		t.Error(err)
	}
	if err := new(tlsServer).serve(&tlsSpec{Kind: "none", Key: keys.p256}); err == nil {
		t.Error("there is a server of no kind")
	}
	if _, err := s.do(tlsOrder{Do: "none"}); err == nil {
		t.Error("the server took an order that there is not")
	}
	if _, err := c.do(tlsOrder{Do: "none"}); err == nil {
		t.Error("clients took an order that there is not")
	}
}

// nginx accepts the configuration.
func TestNginxConfig(t *testing.T) {
	version, err := nginxVersion(t.Context())
	if m, ok := errors.AsType[*missing](err); ok {
		t.Skip(m)
	} else if err != nil || !strings.HasPrefix(version, "nginx/") || !strings.Contains(version, " with ") {
		t.Fatal(version, err)
	}
	keys, err := newTLSKeys()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if _, err := writeNginx(dir, keys.rsa2048); err != nil {
		t.Fatal(err)
	}
	cmd, err := nginxCommand(dir, "-t")
	if err != nil {
		t.Fatal(err)
	}
	if said, err := cmd.CombinedOutput(); err != nil || strings.Contains(string(said), "[warn]") {
		t.Errorf("%v: %s", err, said)
	}
}

func TestPercentile(t *testing.T) {
	var list []time.Duration
	for i := range 200 {
		list = append(list, time.Duration(i+1))
	}
	for p, want := range map[int]time.Duration{50: 100, 99: 198, 100: 200} {
		if got := percentile(list, p); got != want {
			t.Errorf("p%d is %d, not %d", p, got, want)
		}
	}
	if percentile(list[:1], 50) != 1 || percentile(nil, 99) != 0 {
		t.Error(percentile(list[:1], 50), percentile(nil, 99))
	}
}

func TestProcessStat(t *testing.T) {
	parent, _, err := processStat(os.Getpid())
	if runtime.GOOS != "linux" {
		t.Skip("/proc is linux's")
	}
	if err != nil || parent != os.Getppid() {
		t.Error(parent, err)
	}
	if rss, err := residentSet(); err != nil || rss < 1<<20 || rss > 1<<34 {
		t.Error(rss, err)
	}
}

func TestTLSJudge(t *testing.T) {
	for _, tt := range []struct {
		ratio, atLeast, atMost float64
		want                   string
	}{{3.3, 3.3, 0, "met"}, {3.29, 3.3, 0, "missed"}, {0.904, 0, 0.9, "met"}, {0.91, 0, 0.9, "missed"}, {1, 0, 0, ""}} {
		r := &tlsResult{Ratio: &series{Median: tt.ratio}, AtLeast: tt.atLeast, AtMost: tt.atMost}
		if r.judge(); r.Verdict != tt.want {
			t.Errorf("%+v: %q", tt, r.Verdict)
		}
	}
}
