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
	for _, f := range CPUFacts() {
		if !strings.Contains(f, ": yes (") && !strings.Contains(f, ": no (") {
			t.Errorf("%q", f)
		}
	}
}
