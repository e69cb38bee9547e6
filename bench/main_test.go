package main

import (
	"strings"
	"testing"
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
