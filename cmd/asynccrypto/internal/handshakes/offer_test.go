package handshakes

import (
	"testing"

	"asynccrypto/cmd/asynccrypto/internal/tlsname"
)

func TestParseAddress(t *testing.T) {
	for text, want := range map[string]address{
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
		if (err != nil) != (want == address{}) || got != want {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
}

// Option -curve takes each key exchange, and refuses those of TLS 1.3 together with -tls 1.2.
func TestCurves(t *testing.T) {
	for _, k := range tlsname.KeyExchanges {
		o := offer{curve: k.Name}
		config, err := o.config(address{host: "localhost"})
		if err != nil || config.CurvePreferences[0] != k.ID {
			t.Errorf("%s: %v", k.Name, err)
		}
		o.version = "1.2"
		if _, err := o.config(address{host: "localhost"}); (err != nil) != k.Only13 {
			t.Errorf("%s with TLS 1.2: %v", k.Name, err)
		}
	}
}
