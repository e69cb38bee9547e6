package main

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestRun runs the example. Where a program is missing it has to name the package.
func TestRun(t *testing.T) {
	t.Setenv("SOFTHSM2_CONF", "") // newSoftHSM sets it
	var out strings.Builder
	if err := run(&out, 100*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if missing := missing(); missing != "" {
		if out.String() != missing+"\n" {
			t.Errorf("it prints %q, want %q", &out, missing)
		}
		if os.Getenv("CI") == "true" {
			t.Fatal(missing)
		}
		t.Skip(missing)
	}
	for _, want := range []string{
		`(?m)^the token is there +[1-9]\d* signatures by the token, +\d+ by the file, 0 failed`,
		`(?m)^the token is away +\d+ signatures by the token, +[1-9]\d* by the file, 0 failed`,
		`(?m)^A probe found the token `,
		`(?m)^the token is back +[1-9]\d* signatures by the token, +\d+ by the file, 0 failed`,
	} {
		if !regexp.MustCompile(want).MatchString(out.String()) {
			t.Errorf("it prints nothing like %s but\n%s", want, &out)
		}
	}
}
