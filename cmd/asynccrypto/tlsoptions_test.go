package main

import (
	"crypto/tls"
	"testing"
)

func TestParseAddress(t *testing.T) {
	for text, want := range map[string]tlsAddress{
		"example.org":        {"tcp", "example.org:443", "example.org"},
		"example.org:8443":   {"tcp", "example.org:8443", "example.org"},
		"example.org:https":  {"tcp", "example.org:https", "example.org"},
		"127.0.0.1":          {"tcp", "127.0.0.1:443", "127.0.0.1"},
		"127.0.0.1:1":        {"tcp", "127.0.0.1:1", "127.0.0.1"},
		"::1":                {"tcp", "[::1]:443", "::1"},
		"[::1]":              {"tcp", "[::1]:443", "::1"},
		"[::1]:4433":         {"tcp", "[::1]:4433", "::1"},
		"unix:/run/x.socket": {"unix", "/run/x.socket", "localhost"},
		"":                   {}, ":443": {}, "unix:": {}, "https://example.org": {}, "a:b:c": {}, "example.org:": {}, "example.org:0": {},
		"example.org:65536": {}, "example.org:nope": {},
	} {
		got, err := parseAddress(text)
		if (err != nil) != (want == tlsAddress{}) || got != want {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
}

// Each key exchange that Go has is one that -curve takes, and the other way round.
func TestCurves(t *testing.T) {
	for _, c := range curves {
		o := tlsOptions{curve: c.name}
		config, err := o.config(tlsAddress{host: "localhost"})
		if err != nil || config.CurvePreferences[0] != c.id || curveName(c.id) != c.name {
			t.Errorf("%s: %v", c.name, err)
		}
		o.version = "1.2"
		if _, err := o.config(tlsAddress{host: "localhost"}); (err != nil) != c.only13 {
			t.Errorf("%s with TLS 1.2: %v", c.name, err)
		}
	}
	if got := curveName(tls.CurveID(0)); got != "" {
		t.Errorf("no curve is called %q", got)
	}
}
