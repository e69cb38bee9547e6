package version

import (
	"bytes"
	"regexp"
	"runtime/debug"
	"testing"

	"asynccrypto/cmd/asynccrypto/internal/cli"
)

func TestVersion(t *testing.T) {
	var out, stderr bytes.Buffer
	if status := Command.Main(nil, cli.Stdio{Out: &out, Err: &stderr}); status != cli.ExitOK {
		t.Fatal(stderr.String())
	}
	const want = `^asynccrypto \S.*\nrevision    \S.*\ngo          go\S+ \w+/\w+\ncpu         \S.*, \d+ cores?: \S.*\n$`
	if !regexp.MustCompile(want).Match(out.Bytes()) {
		t.Error(out.String())
	}
	if status := Command.Main([]string{"x"}, cli.Stdio{Out: &out, Err: &stderr}); status != cli.ExitUsage {
		t.Errorf("status %d", status)
	}
}

func TestRevision(t *testing.T) {
	commit := debug.BuildSetting{Key: "vcs.revision", Value: "1f0c"}
	date := debug.BuildSetting{Key: "vcs.time", Value: "2026-11-23T04:18:21Z"}
	clean := debug.BuildSetting{Key: "vcs.modified", Value: "false"}
	modified := debug.BuildSetting{Key: "vcs.modified", Value: "true"}
	for want, settings := range map[string][]debug.BuildSetting{
		"unknown":                                {clean},
		"1f0c":                                   {commit},
		"1f0c of 2026-11-23T04:18:21Z":           {commit, date, clean},
		"1f0c of 2026-11-23T04:18:21Z, modified": {date, modified, commit},
	} {
		if got := revision(settings); got != want {
			t.Errorf("%v: %q", settings, got)
		}
	}
}
