package main

import "testing"

func TestOneLine(t *testing.T) {
	for in, want := range map[string]string{
		"plain: é":     "plain: é",
		"no\nfile":     `no\nfile`,
		"\x1b[2Jgone":  `\x1b[2Jgone`,
		"it's a quote": "it's a quote",
		// A peer's certificate, which errors quote, can hold what makes a terminal show other text than there is.
		"a\u202egnp.exe\u2028b": `a\u202egnp.exe\u2028b`,
		"cut \xc3":              "cut \ufffd",
	} {
		if got := oneLine(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}
