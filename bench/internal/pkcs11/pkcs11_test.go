package pkcs11

import (
	"crypto/rsa"
	"errors"
	"fmt"
	"strings"
	"testing"

	"asynccrypto/bench/internal/harness/harnesstest"
	"asynccrypto/engine"
	"asynccrypto/engine/pkcs11"
	"asynccrypto/internal/hsmtest"
)

func TestUsage(t *testing.T) {
	for _, c := range []struct {
		o         options
		complaint string
	}{
		{options{pattern: "("}, "missing closing"},
		{options{pattern: "none"}, "there are 5ms, 20ms, 100ms, single, chain"},
		{options{update: true}, "nothing to write without -table"},
	} {
		if _, err := c.o.check(); err == nil || !strings.Contains(err.Error(), c.complaint) {
			t.Errorf("%+v: %v", c.o, err)
		}
	}
	for pattern, want := range map[string]bool{"": false, "single|chain": true} {
		o := options{pattern: pattern}
		if part, err := o.check(); part != want || err != nil {
			t.Errorf("%q: %v, %v", pattern, part, err)
		}
	}
}

// Operations with the same answers of all modules are on one line, and kinds of keys that differ
// have their own answers.
func TestTable(t *testing.T) {
	all := func(name string, kinds ...hsmtest.Kind) module {
		m := module{name: name, kinds: kinds, answers: map[string]string{}}
		for _, kind := range kinds {
			for _, op := range hsmtest.Operations(kind) {
				m.answers[op.String()] = "yes"
			}
		}
		return m
	}
	one, two := all("one 1.0", hsmtest.P256, hsmtest.P384), all("two", hsmtest.P256, hsmtest.Ed25519)
	one.answers["P-384 ECDSA SHA-1"] = "`CKR_KEY_SIZE_RANGE`"
	table := tableOf([]module{one, two})
	for _, want := range []string{
		"| operation | | one 1.0 | two |\n|---|---|---|---|\n",
		"| keys |  | P-256, P-384 | P-256, Ed25519 |\n",
		"| ECDSA | SHA-1 | P-256: yes; P-384: `CKR_KEY_SIZE_RANGE` | yes |\n",
		"| ECDSA | SHA-224; SHA-256; SHA-384; SHA-512; 1 byte | yes | yes |\n",
		"| PSS | SHA-1, salt as the hash; ",
		"| decryption PKCS #1 v1.5 | a text; session key; ",
		"| Ed25519 | empty message; ",
	} {
		if strings.Count(table, want) != 1 {
			t.Errorf("%d times %q in\n%s", strings.Count(table, want), want, table)
		}
	}
	before, now, after, err := cutPage("a\n" + tableBegin + "old\n" + tableEnd + "b\n")
	if err != nil || now != "old\n" || before+table+after != "a\n"+tableBegin+table+tableEnd+"b\n" {
		t.Errorf("%q, %q, %q, %v", before, now, after, err)
	}
	for _, text := range []string{"", tableBegin, tableEnd} {
		if _, _, _, err := cutPage(text); err == nil {
			t.Errorf("%q has a table", text)
		}
	}
}

func TestAnswer(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{nil, "yes"},
		{fmt.Errorf("sign: %w", pkcs11.Error(0x70)), "`CKR_MECHANISM_INVALID`"},
		{rsa.ErrDecryption, "no"},
		{fmt.Errorf("%w: the text", hsmtest.ErrWrong), "**wrong**"},
		{fmt.Errorf("%w: %w", engine.ErrUnavailable, pkcs11.Error(0x30)), ""},
	} {
		got, err := answer(c.err)
		if got != c.want || !errors.Is(err, engine.ErrUnavailable) != (c.want != "") {
			t.Errorf("%v: %q, %v", c.err, got, err)
		}
	}
}

// A comparison is of the sides whose parts it is.
func TestLoads(t *testing.T) {
	for _, programs := range []map[string]string{{programHelpers: "h", programInProcess: "i"}, {programHelpers: "h"}} {
		run := harnesstest.Run(t, Subject(), 1, 1)
		s := &session{Run: run, options: options{pattern: "5ms"}, extent: fullExtent, programs: programs}
		if _, err := s.options.check(); err != nil {
			t.Fatal(err)
		}
		s.loads()
		tables := run.Result.Tables
		if len(programs) == 1 {
			if len(tables) != 1 || len(s.steps) != 3 || tables[0].Rows[0].Skipped != "" || tables[0].Rows[4].Skipped == "" {
				t.Errorf("%d tables, %d sides without cgo", len(tables), len(s.steps))
			}
			continue
		}
		if len(tables) != 2 || len(s.steps) != len(loadSides) || len(tables[1].Rows) != 7 {
			t.Fatalf("%d tables, %d sides", len(tables), len(s.steps))
		}
		if name := tables[0].Rows[4].Name; name != "crypto11, 1000 sessions" {
			t.Error(name)
		}
	}
}
