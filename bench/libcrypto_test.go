package main

import (
	"errors"
	"strings"
	"testing"
)

func TestExplain(t *testing.T) {
	for said, want := range map[string]string{
		"x.c:14:10: fatal error: openssl/async.h: No such file or directory\ncompilation terminated.\n": "headers are not installed",
		"x.c:14:10: fatal error: 'openssl/async.h' file not found\n":                                    "headers are not installed",
		"/usr/bin/ld: cannot find -lcrypto: No such file or directory\n":                                "the library to link with is not",
		"ld: library not found for -lcrypto\n":                                                          "the library to link with is not",
		"ld: library 'crypto' not found\n":                                                              "the library to link with is not",
		"ld.lld: error: unable to find library -lcrypto\n":                                              "the library to link with is not",
		"x.c:1:1: error: unknown type name 'x'\n":                                                       "cc said: x.c:1:1",
		"": "exit status 1",
	} {
		m := explain("/usr/bin/cc", said, errors.New("exit status 1"))
		if !strings.Contains(m.Error(), want) {
			t.Errorf("%q became %q", said, m)
		}
		if strings.Contains(want, "headers") && !strings.Contains(m.Error(), "libssl-dev") {
			t.Errorf("%q: no way to get it in %q", said, m)
		}
	}
}

func TestNoCompiler(t *testing.T) {
	for name, env := range map[string]struct{ cc, path string }{
		"CC names none":     {"no-such-compiler -m64", "/nowhere"},
		"none is installed": {"", t.TempDir()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("CC", env.cc)
			t.Setenv("PATH", env.path)
			_, err := compileC(t.Context(), t.TempDir(), "facility", facilityC)
			if m, ok := errors.AsType[*missing](err); !ok || !strings.Contains(m.Error(), "gcc") {
				t.Error(err)
			}
		})
	}
}
