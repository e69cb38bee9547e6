package main

import "testing"

func TestOneLine(t *testing.T) {
	for in, want := range map[string]string{
		"plain: é":     "plain: é",
		"no\nfile":     `no\nfile`,
		"\x1b[2Jgone":  `\x1b[2Jgone`,
		"it's a quote": "it's a quote",
	} {
		if got := oneLine(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}
