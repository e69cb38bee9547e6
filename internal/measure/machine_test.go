package measure

import (
	"strings"
	"testing"
)

func TestThisMachineKnowsAllFacts(t *testing.T) {
	m := ThisMachine()
	if m.CPU == "" || m.Cores < 1 || !strings.Contains(m.System, "/") || m.Go == "" || len(m.Date) != len("2006-01-02") {
		t.Errorf("%+v", m)
	}
	m = Machine{CPU: "Some CPU", Cores: 2, System: "linux/amd64", Go: "go1.30", Date: "2026-11-28"}
	if got := m.String(); got != "Some CPU, 2 cores, linux/amd64, go1.30, 2026-11-28" {
		t.Error(got)
	}
	facts := CPUFacts()
	if !strings.HasPrefix(facts[0], "GOMAXPROCS: ") {
		t.Errorf("%q", facts[0])
	}
	for _, f := range facts[1:] {
		if !strings.Contains(f, ": yes (") && !strings.Contains(f, ": no (") {
			t.Errorf("%q", f)
		}
	}
}
