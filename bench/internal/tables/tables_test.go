package tables

import (
	"strings"
	"testing"

	"asynccrypto/bench/internal/harness"
	"asynccrypto/internal/measure"
)

func result(subject, cpu string) *harness.Result {
	r := &harness.Result{Subject: subject, Command: "go run ./bench " + subject, Machine: harness.Machine{Machine: measure.Machine{CPU: cpu, System: "linux/amd64"}, ID: "amd-25-17"}, Rounds: 1}
	r.Table("a table of "+subject, "").Row("a row").Value("ours", harness.Nanoseconds).Note(5)
	r.Conclude()
	return r
}

// The sections have an order of their own; one without a result is left out.
func TestPage(t *testing.T) {
	sections := []Section{{"b", "Second", "About b."}, {"none", "None", "Nothing."}, {"a", "First", "About a."}}
	page, err := Page(sections, []*harness.Result{result("a", "CPU 1"), result("b", "CPU 1"), result("b", "CPU 2")})
	if err != nil {
		t.Fatal(err)
	}
	last := 0
	for _, want := range []string{"# Benchmarks\n", "\n## Second\n\nAbout b.\n", "### Second on CPU 1 (amd-25-17, linux/amd64)\n", "| a row | 5 ns |\n",
		"### Second on CPU 2 (", "\n## First\n\nAbout a.\n", "    go run ./bench a\n"} {
		i := strings.Index(page[last:], want)
		if i < 0 {
			t.Fatalf("no %q after byte %d in\n%s", want, last, page)
		}
		last += i
	}
	if strings.Contains(page, "None") {
		t.Error("a section without a result")
	}
}
