// Package collecttest has a test that all collectors share.
package collecttest

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// Lint fails the test unless the metrics of c, which has a source of each kind, follow the rules of
// Prometheus for names and help texts, and are those that c describes and the comment of a package,
// in the file source, has in its tables. It returns the registry in which c is registered.
func Lint(t *testing.T, c prometheus.Collector, source string) *prometheus.Registry {
	t.Helper()
	reg := prometheus.NewPedanticRegistry()
	if err := reg.Register(c); err != nil {
		t.Fatal(err)
	}
	problems, err := testutil.GatherAndLint(reg)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Error(p.Metric, p.Text)
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	comment, err := os.ReadFile(source)
	if err != nil {
		t.Fatal(err)
	}
	described := make(chan *prometheus.Desc, 100)
	c.Describe(described)
	if len(described) != len(families) {
		t.Errorf("%d metrics are described, %d collected", len(described), len(families))
	}
	for _, f := range families {
		row := regexp.MustCompile(`\n//\t` + f.GetName() + ` +` + strings.ToLower(f.GetType().String()) + ` `)
		if n := len(row.FindAll(comment, -1)); n != 1 {
			t.Errorf("%s is %d times in the package comment's tables", f.GetName(), n)
		}
	}
	return reg
}
