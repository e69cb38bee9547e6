package allow_test

import (
	"os/user"
	"runtime"
	"slices"
	"strings"
	"testing"

	"asynccrypto/remote/internal/allow"
	"asynccrypto/remote/internal/wire"
)

func parse(t testing.TB, text string) *allow.Rules {
	t.Helper()
	r, err := allow.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// handshake is the content of a CertificateVerify with a transcript hash of so many bytes.
func handshake(side string, hash int) []byte {
	return []byte(strings.Repeat(" ", 64) + "TLS 1.3, " + side + " CertificateVerify\x00" + strings.Repeat("h", hash))
}

// uses are signatures of all kinds that clients ask for.
var uses = map[string]allow.Use{
	"rsa sha1 pkcs1":           {RSA: true, Hash: wire.SHA1, Padding: wire.PKCS1},
	"rsa sha256 pkcs1":         {RSA: true, Hash: wire.SHA256, Padding: wire.PKCS1},
	"rsa sha256 pss":           {RSA: true, Hash: wire.SHA256, Padding: wire.PSS},
	"rsa sha384 pss":           {RSA: true, Hash: wire.SHA384, Padding: wire.PSS},
	"rsa md5sha1 pkcs1":        {RSA: true, Hash: wire.MD5SHA1, Padding: wire.PKCS1},
	"rsa nohash":               {RSA: true, Padding: wire.PKCS1, Data: []byte("digest")},
	"rsa nohash message":       {RSA: true, Padding: wire.PKCS1, Message: true, Data: []byte("message")},
	"rsa nohash server":        {RSA: true, Padding: wire.PKCS1, Message: true, Data: handshake("server", 32)},
	"rsa nohash pss":           {RSA: true, Padding: wire.PSS, Data: []byte("digest")},
	"rsa server":               {RSA: true, Hash: wire.SHA256, Padding: wire.PSS, Message: true, Data: handshake("server", 32)},
	"rsa server 48":            {RSA: true, Hash: wire.SHA256, Padding: wire.PSS, Message: true, Data: handshake("server", 48)},
	"rsa server pkcs1":         {RSA: true, Hash: wire.SHA256, Padding: wire.PKCS1, Message: true, Data: handshake("server", 32)},
	"rsa client":               {RSA: true, Hash: wire.SHA256, Padding: wire.PSS, Message: true, Data: handshake("client", 48)},
	"rsa message":              {RSA: true, Hash: wire.SHA256, Padding: wire.PSS, Message: true, Data: []byte("message")},
	"rsa digest like server":   {RSA: true, Hash: wire.SHA256, Padding: wire.PSS, Data: handshake("server", 32)},
	"ecdsa sha1":               {Hash: wire.SHA1},
	"ecdsa sha224":             {Hash: wire.SHA224},
	"ecdsa sha256":             {Hash: wire.SHA256},
	"ecdsa sha384":             {Hash: wire.SHA384},
	"ecdsa sha512":             {Hash: wire.SHA512},
	"ecdsa sha512-256":         {Hash: wire.SHA512_256},
	"ecdsa sha3-256":           {Hash: wire.SHA3_256},
	"ecdsa sha3-384":           {Hash: wire.SHA3_384},
	"ecdsa sha3-512":           {Hash: wire.SHA3_512},
	"ecdsa server":             {Hash: wire.SHA384, Message: true, Data: handshake("server", 48)},
	"ecdsa sha256 pss":         {Hash: wire.SHA256, Padding: wire.PSS}, // makes no sense
	"ed25519":                  {Message: true, Data: []byte("message")},
	"ed25519 server":           {Message: true, Data: handshake("server", 32)},
	"ed25519 client":           {Message: true, Data: handshake("client", 32)},
	"ed25519 server, context":  {Message: true, Data: handshake("server", 32), Context: "c"},
	"ed25519ph":                {Hash: wire.SHA512, Context: "c"},
	"ed25519 server, short":    {Message: true, Data: handshake("server", 31)},
	"ed25519 server, between":  {Message: true, Data: handshake("server", 40)},
	"ed25519 server, long":     {Message: true, Data: handshake("server", 49)},
	"ed25519 server, no hash":  {Message: true, Data: handshake("server", 0)},
	"ed25519 server, empty":    {Message: true},
	"ed25519 server, 63":       {Message: true, Data: handshake("server", 33)[1:]},
	"ed25519 server, other":    {Message: true, Data: handshake("sErver", 32)},
	"ed25519 server, no zero":  {Message: true, Data: []byte(strings.Replace(string(handshake("server", 32)), "\x00", " ", 1))},
	"ed25519 server, no blank": {Message: true, Data: []byte(strings.Replace(string(handshake("server", 32)), " ", "\t", 1))},
}

// named returns the names of uses that begin with one of the prefixes.
func named(prefixes ...string) (names []string) {
	for name := range uses {
		if slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(name, p) }) {
			names = append(names, name)
		}
	}
	return names
}

func without(names []string, not ...string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(n string) bool { return slices.Contains(not, n) })
}

// TestWords tries each signature with each restriction.
func TestWords(t *testing.T) {
	noHash := []string{"rsa nohash", "rsa nohash message", "rsa nohash server", "rsa nohash pss"}
	noHashPKCS1 := without(noHash, "rsa nohash pss")
	sha256 := []string{"rsa sha256 pkcs1", "rsa sha256 pss", "rsa server", "rsa server 48", "rsa server pkcs1", "rsa client",
		"rsa message", "rsa digest like server", "ecdsa sha256", "ecdsa sha256 pss"}
	pss := []string{"rsa sha256 pss", "rsa sha384 pss", "rsa server", "rsa server 48", "rsa client", "rsa message", "rsa digest like server"}
	pkcs1 := []string{"rsa sha1 pkcs1", "rsa sha256 pkcs1", "rsa md5sha1 pkcs1", "rsa server pkcs1"}
	server := []string{"rsa server", "rsa server 48", "rsa server pkcs1", "ecdsa server", "ed25519 server"}
	client := []string{"rsa client", "ed25519 client"}
	sha512 := []string{"ecdsa sha512", "ed25519ph"}
	for _, test := range []struct {
		operation string
		allowed   []string
	}{
		{"sign", without(named(""), noHash...)},
		{"sign:sha1", []string{"rsa sha1 pkcs1", "ecdsa sha1"}},
		{"sign:sha224", []string{"ecdsa sha224"}},
		{"sign:sha256", sha256},
		{"sign:sha384", []string{"rsa sha384 pss", "ecdsa sha384", "ecdsa server"}},
		{"sign:sha512", sha512},
		{"sign:sha512-256", []string{"ecdsa sha512-256"}},
		{"sign:sha3-256", []string{"ecdsa sha3-256"}},
		{"sign:sha3-384", []string{"ecdsa sha3-384"}},
		{"sign:sha3-512", []string{"ecdsa sha3-512"}},
		{"sign:md5sha1", []string{"rsa md5sha1 pkcs1"}},
		{"sign:nohash", noHash},
		{"sign:pkcs1", pkcs1},
		{"sign:pss", pss},
		{"sign:pss,pkcs1", slices.Concat(pss, pkcs1)},
		{"sign:tls13-server", server},
		{"sign:tls13-client", client},
		{"sign:tls13-server,tls13-client", slices.Concat(server, client)},
		{"sign:sha256,sha512", slices.Concat(sha256, sha512)},
		{"sign:sha256,nohash", slices.Concat(sha256, noHash)},
		{"sign:nohash,pkcs1", noHashPKCS1},
		{"sign:sha256,pss", without(pss, "rsa sha384 pss")},
		{"sign:pkcs1,sha256", []string{"rsa sha256 pkcs1", "rsa server pkcs1"}},
		{"sign:tls13-server,pss", []string{"rsa server", "rsa server 48"}},
		{"sign:tls13-server,sha384", []string{"ecdsa server"}},
		{"sign:nohash,tls13-server", []string{"rsa nohash server"}},
		{"sign:sha384,pkcs1", nil},
	} {
		r := parse(t, "allow uid:7 "+test.operation+" web\n")
		p := allow.UnixPeer(7)
		for name, u := range uses {
			want := slices.Contains(test.allowed, name)
			if identity, ok := r.Allowed(p, "web", &u); ok != want || (identity == "uid:7") != want {
				t.Errorf("%s, %s: %q, %v; want %v", test.operation, name, identity, ok, want)
			}
			if _, ok := r.Allowed(p, "api", &u); ok {
				t.Errorf("%s, %s: allowed with another key", test.operation, name)
			}
			if _, ok := r.Allowed(allow.UnixPeer(8), "web", &u); ok {
				t.Errorf("%s, %s: allowed to another peer", test.operation, name)
			}
		}
		for _, name := range test.allowed {
			if _, ok := uses[name]; !ok {
				t.Errorf("%s: there is no use %q", test.operation, name)
			}
		}
		if got := r.Words(p, "web"); !slices.Equal(got, []string{test.operation}) {
			t.Errorf("%s: the words are %q", test.operation, got)
		}
	}
}

// TestLinesAddUp has two lines for one key: what one of them allows by itself is allowed.
func TestLinesAddUp(t *testing.T) {
	r := parse(t, `
allow uid:7 sign:sha256,pss web
allow uid:7 sign:sha1,pkcs1 web   # and this
allow uid:7 sign:sha1,pkcs1 web
`)
	for name, want := range map[string]bool{"rsa sha256 pss": true, "rsa sha1 pkcs1": true, "rsa sha256 pkcs1": false} {
		u := uses[name]
		if _, ok := r.Allowed(allow.UnixPeer(7), "web", &u); ok != want {
			t.Errorf("%s: %v, want %v", name, ok, want)
		}
	}
	want := []string{"sign:sha1,pkcs1", "sign:sha256,pss"}
	if got := r.Words(allow.UnixPeer(7), "web"); !slices.Equal(got, want) {
		t.Errorf("words: %q, want %q", got, want)
	}
}

// TestNames reads names of keys in all forms.
func TestNames(t *testing.T) {
	r := parse(t, "\tallow  uid:7\tsign web \"key for web\" \"#1\" a#b \"*\" \"\\\"\" süß # comment\r\n# allow uid:7 sign no\n\n   \n"+
		"allow uid:7 sign last")
	u := uses["ed25519"]
	for _, name := range []string{"web", "key for web", "#1", "a#b", "*", `"`, "süß", "last"} {
		if _, ok := r.Allowed(allow.UnixPeer(7), name, &u); !ok {
			t.Errorf("%q is not allowed", name)
		}
	}
	for _, name := range []string{"", "no", "comment", "# comment", "key", "Web", "we", "webs", "sign", "uid:7", "anything"} {
		if identity, ok := r.Allowed(allow.UnixPeer(7), name, &u); ok || identity != "" {
			t.Errorf("%q is allowed", name)
		}
	}
}

func TestUser(t *testing.T) {
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	_, err = allow.Parse([]byte("allow user:" + me.Username + " sign web"))
	if runtime.GOOS == "windows" {
		if err == nil || !strings.Contains(err.Error(), "is not a number") {
			t.Errorf("a user whose id is no number: %v", err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	r := parse(t, "allow user:"+me.Username+" sign web")
	if !slices.Equal(r.Words(parsePeer(t, me.Uid), "web"), []string{"sign"}) {
		t.Error("the user is not allowed")
	}
}

// TestErrors has a mistake in line 3 of each file. The error names the line and the part.
func TestErrors(t *testing.T) {
	for line, want := range map[string]string{
		"deny uid:7 sign web":                     `"deny" is unknown: each line is "allow PEER`,
		"Allow uid:7 sign web":                    `"Allow" is unknown`,
		"allow":                                   `a part is missing: write "allow PEER`,
		"allow uid:7 sign":                        "a part is missing",
		"allow uid:7 sign # web":                  "a part is missing",
		"allow app sign web":                      `the peer "app" is none of uid:N`,
		"allow * sign web":                        `the peer "*" is none of`,
		"allow :7 sign web":                       `the peer ":7" is none of`,
		"allow dns: sign web":                     `the peer "dns:" is none of`,
		"allow DNS:app sign web":                  `the peer "DNS:app" is none of`,
		"allow sp_iffe://x sign web":              `the peer "sp_iffe://x" is none of`,
		"allow 1a://x sign web":                   `the peer "1a://x" is none of`,
		"allow spiffe://süß sign web":             `the peer "spiffe://süß" is none of`,
		"allow dns:*.corp sign web":               `the peer "dns:*.corp" has a *, and there are no patterns`,
		"allow uid: sign web":                     `the peer "uid:" is none of`,
		"allow uid:x sign web":                    `the peer "uid:x" is not a number from 0`,
		"allow uid:07 sign web":                   "without leading zeros",
		"allow uid:+7 sign web":                   "is not a number",
		"allow uid:-1 sign web":                   "is not a number",
		"allow uid:4294967295 sign web":           "is not a number",
		"allow uid:4294967303 sign web":           "is not a number", // 7 in 32 bits
		"allow user:no-such-user-here sign web":   `the peer "user:no-such-user-here": `,
		"allow uid:7 decrypt web":                 `the operation "decrypt" is unknown: there is sign`,
		"allow uid:7 list web":                    `the operation "list" is unknown`,
		"allow uid:7 SIGN web":                    `the operation "SIGN" is unknown`,
		"allow uid:7 sign: web":                   `the word "" is unknown: there are sha1`,
		"allow uid:7 sign:sha256, web":            `the word "" is unknown`,
		"allow uid:7 sign:sha256,md5 web":         `the word "md5" is unknown`,
		"allow uid:7 sign:SHA256 web":             `the word "SHA256" is unknown`,
		"allow uid:7 sign:none web":               `the word "none" is unknown`,
		"allow uid:7 sign:sha256,pss,sha256 web":  `the word "sha256" stands there twice`,
		"allow uid:7 sign w*":                     `the key's name "w*" has a *`,
		"allow uid:7 sign a\"b":                   `"a\"b" has a quote`,
		"allow uid:7 sign a\u00a0b":               `"a\u00a0b" has a quote or a character that cannot be seen`,
		"\ufeffallow uid:7 sign web":              `"\ufeffallow" has a quote or a character that cannot be seen`,
		"allow uid:7 sign \"web":                  `"\"web" has no closing quote`,
		"allow uid:7 sign \"we\\qb\"":             "or an escape that Go does not have",
		"allow uid:7 sign \"\"":                   "a key's name is empty",
		"allow uid:7 sign \"a\"b":                 `"b" stands directly behind a quoted name`,
		"allow \"uid:7\" sign web":                `"uid:7" is quoted: only the names of keys may be`,
		"allow uid:7 sign w\xffb":                 `"allow uid:7 sign w\xffb\n" is not UTF-8`,
		"allow uid:7 sign:x" + spaces(100) + " w": "is unknown",
		"allow uid:" + digits(5000) + " sign web": "is not a number",
	} {
		r, err := allow.Parse([]byte("# \nallow uid:7 sign good\n" + line + "\nallow uid:7 sign more"))
		switch {
		case err == nil || r != nil:
			t.Errorf("%q: no error", line)
		case !strings.HasPrefix(err.Error(), "line 3: ") || !strings.Contains(err.Error(), want):
			t.Errorf("%q: %v; want %s", line, err, want)
		case len(err.Error()) > 400:
			t.Errorf("%q: an error of %d bytes", line, len(err.Error()))
		}
	}
}

func spaces(n int) string { return strings.Repeat(" ", n) }
func digits(n int) string { return strings.Repeat("1", n) }

func TestRefusal(t *testing.T) {
	r := parse(t, "allow uid:7 sign:sha256,pss web\nallow uid:7 sign:tls13-server web\nallow uid:8 sign web api")
	for _, test := range []struct{ key, use, want string }{
		{"api", "ecdsa sha256", `the allow file does not let uid:7 use the key`},
		{"web", "rsa sha1 pkcs1", `the key "web" is for sign:sha256,pss or sign:tls13-server, and this is sha1 pkcs1 of a digest`},
		{"web", "rsa client", `the key "web" is for sign:sha256,pss or sign:tls13-server, and this is sha256 pss of tls13-client`},
		{"web", "ed25519", `the key "web" is for sign:sha256,pss or sign:tls13-server, and this is nohash of a message that is not one of TLS 1.3`},
	} {
		u := uses[test.use]
		if got := r.Refusal(allow.UnixPeer(7), test.key, &u); got != test.want {
			t.Errorf("%s, %s: %s; want %s", test.key, test.use, got, test.want)
		}
	}
}

// TestNobody has rules for all kinds of peers, and peers that are nobody.
func TestNobody(t *testing.T) {
	u := uses["ed25519"]
	r := parse(t, "allow uid:0 sign web\nallow dns:app sign web\nallow spiffe://x/app sign web\n")
	if identity, ok := r.Allowed(allow.Peer{}, "web", &u); ok || identity != "" {
		t.Error("the zero Peer is allowed")
	}
	for _, r := range []*allow.Rules{parse(t, ""), parse(t, "# nobody"), {}} {
		if _, ok := r.Allowed(allow.UnixPeer(0), "web", &u); ok || len(r.Words(allow.UnixPeer(0), "web")) > 0 {
			t.Error("an empty file allows something")
		}
	}
}

func TestAllocations(t *testing.T) {
	r := parse(t, "allow uid:7 sign:tls13-server web\nallow uid:7 sign:sha256,pss web")
	p := allow.UnixPeer(7)
	n := testing.AllocsPerRun(100, func() {
		u := uses["rsa sha256 pss"]
		if _, ok := r.Allowed(p, "web", &u); !ok {
			t.Fatal("refused", r.Refusal(p, "web", &u))
		}
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkAllowed(b *testing.B) {
	r := parse(b, "allow uid:7 sign:tls13-server web\nallow uid:7 sign:sha256,pss web")
	p := allow.UnixPeer(7)
	u := uses["rsa sha256 pss"]
	for b.Loop() {
		if _, ok := r.Allowed(p, "web", &u); !ok {
			b.Fatal("refused")
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"allow uid:7 sign web", "allow dns:app sign:sha256,pss,tls13-server web api # c\n\n", `allow spiffe://x/a sign "a b" "\n"`,
		"allow uid:4294967294 sign:nohash w", "allow uid:07 sign:,x \"", "# x\r\nallow uid:0 sign:pss\tw\r\n",
	} {
		f.Add([]byte(s))
	}
	u := uses["rsa sha256 pss"]
	f.Fuzz(func(t *testing.T, text []byte) {
		if strings.Contains(string(text), "user:") {
			return // asks the system
		}
		r, err := allow.Parse(text)
		if err != nil {
			if r != nil || !strings.HasPrefix(err.Error(), "line ") || len(err.Error()) > 1000 {
				t.Fatalf("an error of %d bytes: %v", len(err.Error()), err)
			}
			return
		}
		// What is allowed stands in the file.
		for _, uid := range []uint32{0, 7} {
			p := allow.UnixPeer(uid)
			for _, key := range []string{"w", "web", "api", "a b", ""} {
				words := r.Words(p, key)
				if _, ok := r.Allowed(p, key, &u); ok && len(words) == 0 {
					t.Fatalf("%q: %s may use %q without a line", text, p, key)
				}
				for _, w := range words {
					if !strings.Contains(string(text), p.String()) || !strings.Contains(string(text), w) {
						t.Fatalf("%q: %s may %s with %q", text, p, w, key)
					}
					// The words are a line again.
					again, err := allow.Parse([]byte("allow " + p.String() + " " + w + " x"))
					if err != nil {
						t.Fatalf("%q: %q: %v", text, w, err)
					}
					if got := again.Words(p, "x"); !slices.Equal(got, []string{w}) {
						t.Fatalf("%q came back as %q", w, got)
					}
				}
			}
		}
		// Lines may repeat.
		if _, err := allow.Parse(append(append(text, '\n'), text...)); err != nil {
			t.Fatalf("%q is refused if it stands there twice: %v", text, err)
		}
	})
}
