package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"asynccrypto/bench/internal/harness"
	"asynccrypto/bench/internal/tables"
)

func TestHelp(t *testing.T) {
	args := [][]string{{"-h"}}
	for _, s := range program().Subjects {
		args = append(args, []string{s.Name, "-h"})
	}
	for _, args := range args {
		var out, err strings.Builder
		if status := program().Run(t.Context(), args, &out, &err); status != 0 || err.Len() > 0 || out.Len() < 200 {
			t.Errorf("%s: status %d, %q, %q", args, status, out.String(), err.String())
		}
		for line := range strings.Lines(out.String()) {
			if len(args) == 1 && len(line) > 110 {
				t.Errorf("%s: a line of %d columns: %s", args, len(line), line)
			}
		}
	}
}

// Every subject has a section, and docs/benchmarks.md is exactly what the results give.
func TestBenchmarksPage(t *testing.T) {
	for _, s := range program().Subjects {
		if !slices.ContainsFunc(sections, func(section tables.Section) bool { return section.Subject == s.Name }) {
			t.Errorf("%s has no section", s.Name)
		}
	}
	results, err := harness.LoadAll("results")
	if err != nil {
		t.Fatal(err)
	}
	want, err := tables.Page(sections, results)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join("..", "docs", "benchmarks.md"))
	if err != nil {
		t.Fatal(err)
	}
	if strings.ReplaceAll(string(got), "\r\n", "\n") != want {
		t.Error("docs/benchmarks.md is not what the results give: go run ./bench tables")
	}
}
