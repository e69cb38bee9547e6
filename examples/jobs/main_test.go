package main

import (
	"runtime"
	"strings"
	"testing"
)

func TestRun(t *testing.T) {
	var out strings.Builder
	if err := run(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"callbacks  200 signatures as jobs on one goroutine in ",
		`cancel     the engine's Do returned "async: job was cancelled"; Resume now says "async: job has finished"`,
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("it does not print %q but\n%s", want, &out)
		}
	}
	if all := strings.Count(out.String(), "all of them verified"); runtime.GOOS != "windows" && all != 2 {
		t.Errorf("not both ways were shown:\n%s", &out)
	}
}
