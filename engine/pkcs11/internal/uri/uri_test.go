package uri_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"asynccrypto/engine/pkcs11/internal/ck"
	"asynccrypto/engine/pkcs11/internal/uri"
)

// The examples of RFC 7512, section 3, and what String makes of them.
func TestParse(t *testing.T) {
	for _, c := range []struct{ s, want string }{
		{"pkcs11:", ""},
		{"PKCS11:object=k", "pkcs11:object=k"},
		{"pkcs11:object=my-pubkey;type=public", ""},
		{"pkcs11:object=my-key;type=private?pin-source=file:/etc/token", "pkcs11:object=my-key;type=private"},
		{"pkcs11:token=The%20Software%20PKCS%2311%20Softtoken;manufacturer=Snake%20Oil,%20Inc.;model=1.0;object=my-certificate;type=cert;id=%69%95%3E%5C%F4%BD%EC%91;serial=?pin-source=file:/etc/token_pin",
			"pkcs11:token=The%20Software%20PKCS%2311%20Softtoken;manufacturer=Snake%20Oil,%20Inc.;model=1.0;serial=;id=%69%95%3E%5C%F4%BD%EC%91;object=my-certificate;type=cert"},
		{"pkcs11:object=my-sign-key;type=private?module-path=/mnt/libmypkcs11.so.1", ""},
		{"pkcs11:token=Software%20PKCS%2311%20softtoken;manufacturer=Snake%20Oil,%20Inc.?pin-value=the-pin", "pkcs11:token=Software%20PKCS%2311%20softtoken;manufacturer=Snake%20Oil,%20Inc."},
		{"pkcs11:slot-description=Sun%20Metaslot", ""},
		{"pkcs11:token=My%20token%25%20created%20by%20Joe;id=%01%02%03%Ba%dd%Ca%fe%04%05%06", "pkcs11:token=My%20token%25%20created%20by%20Joe;id=%01%02%03%BA%DD%CA%FE%04%05%06"},
		{"pkcs11:token=A%20name%20with%20a%20substring%20%25%3B;object=my-certificate;type=cert", ""},
		{"pkcs11:token=Name%20with%20a%20small%20A%20with%20acute:%20%C3%A1;object=my-certificate;type=cert", ""},
		{"pkcs11:object=k;type=secret-key", ""}, // refused by another parser, as type=data is
		{"pkcs11:object=k;type=data", ""},
		{"pkcs11:slot-id=17;slot-manufacturer=m", "pkcs11:slot-manufacturer=m;slot-id=17"},
		{"pkcs11:x-a=1;object=k;x-a=2?x-b=1&x-b=%zz", "pkcs11:object=k"},
		{"pkcs11:object=a/b?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-value=%31+2", "pkcs11:object=a%2Fb?module-path=/usr/lib/softhsm/libsofthsm2.so"},
	} {
		u, err := uri.Parse(c.s)
		if err != nil {
			t.Errorf("%s: %v", c.s, err)
			continue
		}
		if c.want == "" {
			c.want = c.s
		}
		for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
			if got := fmt.Sprintf(format, u); got != c.want {
				t.Errorf("%s of %s: %s, want %s", format, c.s, got, c.want)
			}
			if got := fmt.Sprintf(format, *u); got != c.want {
				t.Errorf("%s of %s, a value: %s, want %s", format, c.s, got, c.want)
			}
		}
	}
}

// Refusals say what to write instead. None shows a value, or a name that the RFC does not have.
func TestParseRefuses(t *testing.T) {
	for _, c := range []struct{ s, want string }{
		{"", "begins with pkcs11:"},
		{"http://SECRET", "begins with pkcs11:"},
		{"pkcs11", "begins with pkcs11:"},
		{"pkcs11:SECRET", "attribute 1 of the URI's path has no =; in a value, ; is written %3B"},
		{"pkcs11:object=k;", "attribute 2 of the URI's path has no ="},
		{"pkcs11:object=k?pin-value=SECRET&SECRET", "attribute 2 of the URI's query has no =; in a value, & is written %26"},
		{"pkcs11:object=k?pin-value=SECRET&SECRET=SECRET", "attribute 2 of the URI's query is none of module-path, pin-source and pin-value; in a value, & is written %26"},
		{"pkcs11:object=k;SECRET=SECRET", "attribute 2 of the URI's path is none of token, serial, "},
		{"pkcs11:object=SECRET%zz", "attribute 1 of the URI's path has a % without two hexadecimal digits"},
		{"pkcs11:object=k?pin-value=SECRET%", "attribute 1 of the URI's query has a %"},
		{"pkcs11:object=SECRET;object=SECRET", "the URI has object twice"},
		{"pkcs11:?pin-value=", "the URI's pin-value: it has no value"},
		{"pkcs11:?pin-value=SECRET&pin-value=SECRET", "the URI has pin-value twice"},
		{"pkcs11:?pin-value=SECRET&pin-source=/SECRET", "both pin-value and pin-source"},
		{"pkcs11:pin-value=SECRET", "the URI's pin-value: it belongs into the query, behind a ?"},
		{"pkcs11:pin-source=SECRET", "behind a ?"},
		{"pkcs11:object=k;module-path=/SECRET", "the URI's module-path: it belongs into the query, behind a ?"},
		{"pkcs11:?object=SECRET", "the URI's object: it belongs into the path, before the ?"},
		{"pkcs11:?token=SECRET", "before the ?"},
		{"pkcs11:?module-path=SECRET.so", "the URI's module-path: it is an absolute path"},
		{"pkcs11:?module-path=/SECRET%00.so", "zero byte"},
		{"pkcs11:object=k?module-name=SECRET", "the URI's module-name: p11-kit's names of modules are not looked up: use module-path"},
		{"pkcs11:library-version=3", "the URI's library-version: it names p11-kit where"},
		{"pkcs11:type=SECRET", "cert, data, private, public or secret-key"},
		{"pkcs11:slot-id=SECRET", "the URI's slot-id: it is a decimal number"},
		{"pkcs11:slot-id=0x10", "a decimal number"},
		{"pkcs11:object=", "the URI's object: it has no value: leave it out to match any"},
		{"pkcs11:id=", "the URI's id: it has no value"},
		{"pkcs11:?pin-source=|SECRET", "the URI's pin-source: a command is not run"},
		{"pkcs11:?pin-source=SECRET", "the URI's pin-source: it is file:/path or an absolute path; the PIN itself goes into pin-value"},
		{"pkcs11:?pin-source=", "the URI's pin-source: it is file:/path"},
		{"pkcs11:?pin-source=file:SECRET", "it is file:/path"},
		{"pkcs11:?pin-source=file://host/SECRET", "no URI of a file of this machine"},
		{"pkcs11:?pin-source=file:/%25zzSECRET", "no URI of a file of this machine"},
	} {
		u, err := uri.Parse(c.s)
		if err == nil {
			t.Errorf("%s: parsed as %v", c.s, u)
			continue
		}
		if !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "pkcs11: ") {
			t.Errorf("%s: %v, want ... %s ...", c.s, err, c.want)
		}
		if strings.Contains(err.Error(), "SECRET") {
			t.Errorf("the error shows a secret: %v", err)
		}
	}
}

func TestFields(t *testing.T) {
	u, err := uri.Parse("pkcs11:id=%00%ff;object=a%3Bb;type=private;slot-id=18446744073709551615?module-path=/x%20y.so")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(u.ID, []byte{0, 255}) || u.Object != "a;b" || u.Type != "private" || u.Slot == nil || *u.Slot != 1<<64-1 || u.ModulePath != "/x y.so" {
		t.Errorf("%v", u)
	}
}

func TestMatchesToken(t *testing.T) {
	slot := ck.SlotInfo{Description: "slot one", Manufacturer: "maker of slots"}
	token := ck.TokenInfo{Label: "web", Manufacturer: "maker", Model: "m1"}
	for s, want := range map[string]bool{
		"pkcs11:":                     true,
		"pkcs11:token=web":            true,
		"pkcs11:token=WEB":            false,
		"pkcs11:token=":               false,
		"pkcs11:serial=":              true,
		"pkcs11:serial=1":             false,
		"pkcs11:model=m1":             true,
		"pkcs11:model=m":              false,
		"pkcs11:manufacturer=maker":   true,
		"pkcs11:manufacturer=web":     false,
		"pkcs11:slot-id=7":            true,
		"pkcs11:slot-id=8":            false,
		"pkcs11:object=any;id=%01":    true,
		"pkcs11:slot-description=web": false,
		"pkcs11:slot-description=slot%20one;slot-manufacturer=maker%20of%20slots;token=web": true,
	} {
		u, err := uri.Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		if got := u.MatchesToken(7, slot, token); got != want {
			t.Errorf("%s: %v", s, got)
		}
	}
}

func TestPIN(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return filepath.ToSlash(path)
	}
	file := "file:"
	if runtime.GOOS == "windows" {
		file = "file:///"
	}
	plain := write("plain", "1234")
	for _, c := range []struct{ query, pin, err string }{
		{"pin-value=12%2634", "12&34", ""},
		{"pin-source=" + plain, "1234", ""},
		{"pin-source=" + file + plain, "1234", ""},
		{"pin-source=FILE://localhost/" + strings.TrimPrefix(plain, "/"), "1234", ""},
		{"pin-source=" + write("with space", "1234\n"), "1234", ""},
		{"pin-source=" + file + strings.ReplaceAll(write("with space", "1234\n"), " ", "%2520"), "1234", ""},
		{"pin-source=" + write("line", "1234\n"), "1234", ""},
		{"pin-source=" + write("crlf", "1234\r\n"), "1234", ""},
		{"pin-source=" + write("blank", " 1234 \n"), " 1234 ", ""},
		{"pin-source=" + write("lines", "1234\n5678\n"), "", "more than one line"},
		{"pin-source=" + write("lines2", "1234\n\n"), "", "more than one line"},
		{"pin-source=" + write("empty", "\n"), "", "it is empty"},
		{"pin-source=" + write("most", strings.Repeat("x", 1024)), strings.Repeat("x", 1024), ""},
		{"pin-source=" + write("long", strings.Repeat("x", 1025)), "", "longer than 1024 bytes"},
		{"pin-source=" + filepath.ToSlash(dir), "", "the file of pin-source: "},
		{"pin-source=" + plain + "SECRET", "", "the file of pin-source: "},
	} {
		u, err := uri.Parse("pkcs11:?" + c.query)
		if err != nil {
			t.Errorf("%s: %v", c.query, err)
			continue
		}
		pin, ok, err := u.PIN()
		if !ok || string(pin) != c.pin || (err == nil) != (c.err == "") {
			t.Errorf("%s: %q, %v, %v", c.query, pin, ok, err)
		}
		if err != nil && (!strings.Contains(err.Error(), c.err) || strings.Contains(err.Error(), "SECRET") || strings.Contains(err.Error(), "1234")) {
			t.Errorf("%s: %v, want ... %s ...", c.query, err, c.err)
		}
	}
	u, err := uri.Parse("pkcs11:")
	if err != nil {
		t.Fatal(err)
	}
	if pin, ok, err := u.PIN(); pin != nil || ok || err != nil {
		t.Errorf("no PIN: %q, %v, %v", pin, ok, err)
	}
}

// What Parse accepts, it accepts again from String, with the same meaning but the PIN.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"pkcs11:", "pkcs11:token=a%20b;serial=;id=%00;object=%3b;type=cert;slot-id=3?module-path=/a%26b&pin-value=1",
		"PKCS11:x-y=1;model=m;manufacturer=n;slot-description=;slot-manufacturer=s?pin-source=file:/p", "pkcs11:?pin-source=|x", "pkcs11:a?b?c&d=%",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		u, err := uri.Parse(s)
		if err != nil {
			return
		}
		shown := u.String()
		v, err := uri.Parse(shown)
		if err != nil {
			t.Fatalf("%q, shown as %q: %v", s, shown, err)
		}
		if v.String() != shown {
			t.Fatalf("%q, shown as %q, and then as %q", s, shown, v)
		}
		if v.Token != u.Token || v.Serial != u.Serial || v.Object != u.Object || v.Type != u.Type || v.ModulePath != u.ModulePath || !bytes.Equal(v.ID, u.ID) {
			t.Fatalf("%q and %q differ", s, shown)
		}
		if _, ok, _ := v.PIN(); ok {
			t.Fatalf("%q shows where its PIN is: %q", s, shown)
		}
	})
}
