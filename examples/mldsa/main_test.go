//go:build go1.27

package main

import (
	"bytes"
	"encoding/pem"
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

func TestRun(t *testing.T) {
	ca := filepath.Join(t.TempDir(), "ca.pem")
	var out bytes.Buffer
	if err := run(&out, "", ca); err != nil {
		t.Fatal(err)
	}
	want := `^TLS 1\.3, key exchange X25519MLKEM768, certificate ML-DSA-44 of \d+ bytes, signed with ML-DSA-65\n` +
		`100 handshakes, one after the other, in \S+\n$`
	if !regexp.MustCompile(want).Match(out.Bytes()) {
		t.Errorf("%s", out.Bytes())
	}
	text, err := os.ReadFile(ca)
	if err != nil {
		t.Fatal(err)
	}
	if block, _ := pem.Decode(text); block == nil || block.Type != "CERTIFICATE" {
		t.Errorf("%s", text)
	}
}
