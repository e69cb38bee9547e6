package keys

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"asynccrypto/bench/internal/harness"
	"asynccrypto/bench/internal/harness/harnesstest"
)

func TestMain(m *testing.M) { harnesstest.Main(m, Subject()) }

func TestUsage(t *testing.T) {
	for pattern, complaint := range map[string]string{
		"(":    "missing closing",
		"none": "there are 64 in flight, one in flight, all well, killed, stopped, slow",
	} {
		o := options{pattern: pattern}
		if _, err := o.check(); err == nil || !strings.Contains(err.Error(), complaint) {
			t.Errorf("%s: %v", pattern, err)
		}
	}
	for pattern, want := range map[string]bool{"": false, "one|slow": true} {
		o := options{pattern: pattern}
		if part, err := o.check(); part != want || err != nil {
			t.Errorf("%q: %v, %v", pattern, part, err)
		}
	}
}

// newSession returns a session that measures little of everything, or of the sections that match a pattern.
func newSession(t *testing.T, pattern string) *session {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("the CPU time of processes, and their outages, are measured on linux only")
	}
	run := harnesstest.Run(t, Subject(), 2, 100*time.Millisecond)
	o := options{pattern: pattern}
	if _, err := o.check(); err != nil {
		t.Fatal(err)
	}
	s, err := o.prepare(run)
	if err != nil {
		t.Fatal(err)
	}
	s.warm = 20 * time.Millisecond
	return s
}

// A run with little of everything fills every row.
func TestKeys(t *testing.T) {
	s := newSession(t, "")
	if err := s.Each(t.Context(), func(round int) error { return s.round(t.Context(), round) }); err != nil {
		t.Fatal(err)
	}
	s.Result.Conclude()
	var rows []string
	for _, table := range s.Result.Tables {
		for _, row := range table.Rows {
			rows = append(rows, row.Name)
			for _, v := range row.Values {
				if len(v.Rounds) != s.Rounds || v.Goal != (harness.Goal{}) && v.Verdict == "" {
					t.Errorf("%s: %s is %+v, %s", row.Name, v.Head, v.Series, v.Verdict)
				}
				if mayBeZero := []string{"errors", "asked again, %", "beyond it", "beyond the local engine"}; v.Least <= 0 && !slices.Contains(mayBeZero, v.Head) {
					t.Errorf("%s: %s is %+v", row.Name, v.Head, v.Series)
				}
			}
		}
	}
	want := []string{}
	for _, l := range loads {
		for _, w := range l.ways() {
			want = append(want, string(w))
		}
	}
	for _, o := range outages {
		want = append(want, o.section+": "+string(network), o.section+": "+string(unary))
	}
	want = append(want, "64 in flight: CPU", "one in flight: CPU", "one in flight: p50")
	slices.Sort(rows)
	slices.Sort(want)
	if !slices.Equal(rows, want) {
		t.Errorf("rows %q, not %q", rows, want)
	}
}

// startNode starts a node and a client for one test.
func startNode(t *testing.T, s *session, w way) (*node, *harness.Child) {
	t.Helper()
	s.dir = t.TempDir()
	var err error
	if s.program, err = os.Executable(); err != nil {
		t.Fatal(err)
	}
	n, err := s.startNode()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	t.Cleanup(func() { n.Process().Kill() })
	c, err := s.startClient(w, n)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return n, c
}

// Each outage does to a node what it is called after.
func TestOutages(t *testing.T) {
	for _, o := range outages {
		t.Run(o.section, func(t *testing.T) {
			n, c := startNode(t, newSession(t, o.section), network)
			if o.begin != nil {
				if err := o.begin(n); err != nil {
					t.Fatal(err)
				}
			}
			var err error
			switch o.section {
			case "killed":
				err = awaitState(t, n, "Z")
			case "stopped":
				err = awaitState(t, n, "T")
			case "slow":
				err = atLeast(c, slowness)
			default:
				err = atLeast(c, 0)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
}

// awaitState waits until a process is in a state of proc(5).
func awaitState(t *testing.T, n *node, state string) error {
	for {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", n.Process().Pid))
		if err != nil {
			return err
		}
		if _, rest, _ := strings.Cut(string(stat), ") "); strings.HasPrefix(rest, state) {
			return nil
		}
		if err := wait(t.Context(), time.Millisecond); err != nil {
			return err
		}
	}
}

// atLeast fails unless a signature takes so long, or longer.
func atLeast(c *harness.Child, d time.Duration) error {
	if err := c.Do(clientOrder{Do: "begin", Load: &callers{N: 1}}, nil); err != nil {
		return err
	}
	var a clientAccount
	for a.Done == 0 && a.Failed == 0 {
		time.Sleep(time.Millisecond)
		if err := c.Do(clientOrder{Do: "account"}, &a); err != nil {
			return err
		}
	}
	if err := c.Do(clientOrder{Do: "end"}, &a); err != nil {
		return err
	}
	if a.Failed > 0 || a.P50 < d || a.Max < a.P50 {
		return fmt.Errorf("%+v", a)
	}
	return nil
}

// A wrong signature is seen, and so is an order that does not exist.
func TestInspects(t *testing.T) {
	m, err := newMaterial()
	if err != nil {
		t.Fatal(err)
	}
	c := &client{begun: time.Now()}
	spec := &clientSpec{Way: local, Key: m.key, Public: m.public, Digests: m.digests, Signatures: m.signatures}
	if _, err := c.do(clientOrder{Do: "open", Spec: spec}); err != nil {
		t.Fatal(err)
	}
	defer c.engine.Close()
	m.signatures[1][0] ^= 1
	if err := c.signCase(context.Background(), 1); err != errWrong {
		t.Error(err)
	}
	c.note(time.Second, errWrong)
	if a := c.account(true); a.Failed != 1 || a.Error != errWrong.Error() || a.Max != time.Second || a.Done != 0 {
		t.Errorf("%+v", a)
	}
	if a := c.account(false); a.Failed != 0 || a.Error != "" || a.Max != 0 {
		t.Errorf("after a mark: %+v", a)
	}
	if _, err := c.do(clientOrder{Do: "none"}); err == nil {
		t.Error("a client took an order that does not exist")
	}
	if _, err := c.do(clientOrder{Do: "open", Spec: &clientSpec{Way: "none"}}); err == nil {
		t.Error("there is a way that does not exist")
	}
	if _, err := new(nodeServer).do(nodeOrder{Do: "none"}); err == nil {
		t.Error("a node took an order that does not exist")
	}
}

// A signature that fails while the clock runs without an outage ends the run.
func TestFailures(t *testing.T) {
	s := newSession(t, "64")
	s.signatures[3][0] ^= 1
	err := s.round(t.Context(), 0)
	if err == nil || !strings.Contains(err.Error(), errWrong.Error()) {
		t.Error(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.round(ended, 0); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestPermille(t *testing.T) {
	var list []time.Duration
	for i := range 2000 {
		list = append(list, time.Duration(i+1))
	}
	for p, want := range map[int]time.Duration{500: 1000, 999: 1998, 1000: 2000} {
		if got := permille(list, p); got != want {
			t.Errorf("p%d is %d, not %d", p, got, want)
		}
	}
	if permille(list[:1], 500) != 1 || permille(nil, 999) != 0 {
		t.Error(permille(list[:1], 500), permille(nil, 999))
	}
}
