package harness

import (
	"errors"
	"strings"
	"testing"
)

func TestExplain(t *testing.T) {
	for said, want := range map[string]string{
		"x.c:14:10: fatal error: openssl/async.h: No such file or directory\ncompilation terminated.\n": "headers are not installed",
		"x.c:14:10: fatal error: 'openssl/async.h' file not found\n":                                    "headers are not installed",
		"/usr/bin/ld: cannot find -lcrypto: No such file or directory\n":                                "not the library to link with",
		"ld: library not found for -lcrypto\n":                                                          "not the library to link with",
		"ld: library 'crypto' not found\n":                                                              "not the library to link with",
		"ld.lld: error: unable to find library -lcrypto\n":                                              "not the library to link with",
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
			_, err := Compile(t.Context(), t.TempDir(), "x", nil, nil, nil)
			if m, ok := errors.AsType[*Missing](err); !ok || !strings.Contains(m.Error(), "gcc") {
				t.Error(err)
			}
		})
	}
}
