// Package tables makes the page of benchmarks from the results folder.
package tables

import (
	"context"
	_ "embed"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"asynccrypto/bench/internal/harness"
)

//go:embed intro.md
var intro string

// Section is a part of the page: what it says before the results of a subject.
type Section struct {
	Subject, Title string
	About          string
}

// Page returns the page with all results of the sections, which follow one another in this order.
func Page(sections []Section, results []*harness.Result) (string, error) {
	var b strings.Builder
	b.WriteString(intro)
	for _, s := range sections {
		mine := slices.DeleteFunc(slices.Clone(results), func(r *harness.Result) bool { return r.Subject != s.Subject })
		if len(mine) == 0 {
			continue
		}
		fmt.Fprintf(&b, "\n## %s\n\n%s\n", s.Title, s.About)
		for _, r := range mine {
			fmt.Fprintf(&b, "\n### %s on %s (%s, %s)\n\n", s.Title, r.Machine.CPU, r.Machine.ID, r.Machine.System)
			if err := r.Markdown(&b); err != nil {
				return "", err
			}
		}
	}
	return b.String(), nil
}

// Command writes docs/benchmarks.md.
func Command(sections []Section) harness.Command {
	return harness.Command{
		Name:  "tables",
		Short: "write docs/benchmarks.md from bench/results",
		Run: func(ctx context.Context, args []string, stdout io.Writer) error {
			if len(args) > 0 {
				return harness.Usagef("tables: unexpected argument %q", args[0])
			}
			root, err := harness.Checkout(ctx)
			if err != nil {
				return err
			}
			results, err := harness.LoadAll(filepath.Join(root, "bench", "results"))
			if err != nil {
				return err
			}
			page, err := Page(sections, results)
			if err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(root, "docs", "benchmarks.md"), []byte(page), 0o644)
		},
	}
}
