package pkcs11

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"asynccrypto/bench/internal/harness"
	"asynccrypto/bench/internal/harness/harnesstest"
)

// A run with little of everything measures what it is to measure.
func TestMeasure(t *testing.T) {
	run := harnesstest.Run(t, Subject(), 1, 100*time.Millisecond)
	s := &session{Run: run, options: options{pattern: "5ms|single|chain"}, extent: extent{inFlight: 32, settle: 200 * time.Millisecond, backWithin: time.Second}}
	if _, err := s.options.check(); err != nil {
		t.Fatal(err)
	}
	if err := s.prepare(t.Context(), t); err != nil {
		t.Fatal(err)
	}
	for _, missing := range run.Result.Missing {
		harnesstest.Without(t, missing)
	}
	if err := run.Each(t.Context(), func(round int) error { return s.round(t.Context(), round) }); err != nil {
		t.Fatal(err)
	}
	run.Result.Conclude()
	want := map[string][]string{
		"a token of 5ms":      {"threads", "own CPU", "CPU together", "rate", "p50", "p99", "own memory", "memory together"},
		"ours beside":         {"times better"},
		"one signature":       {"ours, helper", "ours, in process", "miekg/pkcs11", "crypto11"},
		"when the token fail": {"longest wait"},
	}
	if len(run.Result.Tables) != len(want) {
		t.Errorf("%d tables", len(run.Result.Tables))
	}
	for _, table := range run.Result.Tables {
		for title, heads := range want {
			if !strings.HasPrefix(table.Title, title) {
				continue
			}
			delete(want, title)
			for _, row := range table.Rows {
				got := heads
				if strings.HasPrefix(row.Name, "ours, ") && strings.Contains(row.Name, " helpers, ") {
					got = slices.Concat(heads, []string{"helpers' CPU", "helpers' memory"})
				}
				for _, head := range got {
					i := slices.IndexFunc(row.Values, func(v *harness.Value) bool { return v.Head == head })
					if i < 0 || row.Values[i].Median <= 0 {
						t.Errorf("%s: %s: no figure of %s", table.Title, row.Name, head)
					}
				}
			}
		}
	}
	for title := range want {
		t.Errorf("no table %s", title)
	}
	for _, row := range run.Result.Tables[len(run.Result.Tables)-1].Rows {
		if strings.Contains(row.Remark, "ours failed") {
			t.Errorf("%s: %s", row.Name, row.Remark)
		}
	}
}

var checkPage = flag.Bool("page", false, "compare page 8 of the guide with the answers of the modules")

// TestPage holds page 8 of the guide to the modules, where these are of the same versions as in the
// page: what a module cannot do in one version it may do in the next.
func TestPage(t *testing.T) {
	if !*checkPage {
		t.Skip("make hsm runs it: go test -run TestPage -page")
	}
	text, err := os.ReadFile(filepath.Join("..", "..", "..", filepath.FromSlash(page)))
	if err != nil {
		t.Fatal(err)
	}
	_, is, _, err := cutPage(string(text))
	if err != nil {
		t.Fatal(err)
	}
	should, err := modulesTable(t.Context(), t.Output())
	if err != nil {
		t.Fatal(err)
	}
	is, should = strings.TrimSpace(is), strings.TrimSpace(should)
	head := func(table string) string { head, _, _ := strings.Cut(table, "\n"); return head }
	if head(is) != head(should) {
		t.Skipf("the page is of other modules: %s; here are %s", head(is), head(should))
	}
	if is != should {
		t.Errorf("%s is not what the modules answer. If that is right: go run ./bench pkcs11 -table -update. It should be\n%s", page, should)
	}
}
