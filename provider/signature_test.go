//go:build linux

package provider

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestAlgorithms compares the tables of digests and of algorithms with libcrypto's.
func TestAlgorithms(t *testing.T) {
	t.Parallel()
	cTest{name: "algorithm", link: []string{"src/algorithm.c", "src/digest.c", "-lcrypto"}, keyless: true}.each(t, plain, clang, asan)
}

// TestMessages gathers messages of many sizes in many ways.
func TestMessages(t *testing.T) {
	t.Parallel()
	cTest{name: "message", link: []string{"src/message.c", "src/digest.c", "src/core.c", "-lcrypto", "-Wl,--wrap=malloc"}, keyless: true}.each(t, plain, clang, asan)
}

// otherKey makes a P-256 key and its handle beside the files of keyFile, and returns the key's path.
func otherKey(t *testing.T, name string) string {
	t.Helper()
	key, handle := keyFile(t, name+".pem"), keyFile(t, name+".handle.pem")
	build(t, name+" key", exec.Command("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", key))
	build(t, name+" handle", exec.Command("sh", "-c", `"$1" keyserver handle "$2" > "$3"`, "sh", asynccrypto(t), key, handle))
	return key
}

// signingServer is a key server with what the C programs sign and refuse expect: rsa2048 may sign
// without a digest, the key held is for TLS 1.3 only, and the key foreign is not there.
func signingServer(t *testing.T) *keyServer {
	t.Helper()
	need(t, "openssl")
	otherKey(t, "foreign")
	k := newKeyServer(t)
	k.options = []string{otherKey(t, "held")}
	k.rules = []string{
		fmt.Sprintf("allow uid:%d sign:nohash rsa2048", os.Getuid()),
		fmt.Sprintf("allow uid:%d sign:tls13-server held", os.Getuid()),
	}
	k.start()
	return k
}

// TestSignatures signs with all kinds of keys, digests and paddings.
func TestSignatures(t *testing.T) {
	t.Parallel()
	cTest{name: "sign", link: []string{"-lcrypto"}, server: signingServer(t)}.each(t, plain, clang, asan, tsan, valgrind, preloaded, node20, node24, node26)
}

// TestRefusals asks for what is not signed.
func TestRefusals(t *testing.T) {
	t.Parallel()
	cTest{name: "refuse", link: []string{"-lcrypto"}, server: signingServer(t)}.each(t, plain, clang, asan, tsan, valgrind, preloaded, node20, node24, node26)
}

// TestWholeModule signs while each allocation of the module fails once, and with a key server that
// refuses in odd words.
func TestWholeModule(t *testing.T) {
	t.Parallel()
	cTest{name: "module", link: []string{"-lcrypto", "-ldl"}}.each(t, plain, clang, preloaded)
}

// openssl is the command, with the provider and without.
type openssl struct {
	t        *testing.T
	dir      string   // of what it makes
	provider []string // environment
}

func newOpenSSL(t *testing.T, k *keyServer) *openssl {
	t.Helper()
	return &openssl{t, newDir(t), k.env(t, plain)}
}

func (o *openssl) path(name string) string { return filepath.Join(o.dir, name) }

// sign runs the command with the provider, verify without. Each word that begins with @ is a file
// that the command makes or has made.
func (o *openssl) sign(line string, args ...any) { o.t.Helper(); o.run(o.provider, line, args) }

func (o *openssl) verify(line string, args ...any) {
	o.t.Helper()
	o.run([]string{"OPENSSL_CONF=" + os.DevNull}, line, args)
}

func (o *openssl) run(env []string, line string, args []any) {
	o.t.Helper()
	words := strings.Fields(fmt.Sprintf(line, args...))
	for i, w := range words {
		if name, ok := strings.CutPrefix(w, "@"); ok {
			words[i] = o.path(name)
		}
	}
	run(o.t, env, "openssl", words...)
}

// TestOpenSSLSigns makes requests, certificates, revocation lists and CMS messages by the openssl
// command with handles, and has them verified by the command without the provider.
func TestOpenSSLSigns(t *testing.T) {
	t.Parallel()
	need(t, "openssl")
	k := newKeyServer(t)
	k.start()
	for _, c := range []struct{ key, options string }{
		{"rsa2048", "-sha256"},
		{"rsa2048", "-sha3-512"},
		{"rsa3072", "-sha384 -sigopt rsa_padding_mode:pss"},
		{"rsa3072", "-sha512 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:max"},
		{"rsa3072", "-sha1 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:20"},
		{"p256", "-sha256"},
		{"p384", "-sha384"},
		{"p521", "-sha512"},
		{"ed25519", ""},
	} {
		t.Run(c.key+" "+c.options, func(t *testing.T) {
			t.Parallel()
			o := newOpenSSL(t, k)
			handle := keyFile(t, c.key+".handle.pem")
			message := strings.Repeat("message ", 1000) // is hashed here
			if err := os.WriteFile(o.path("message"), []byte(message), 0o666); err != nil {
				t.Fatal(err)
			}
			o.sign("req -new -key %s -subj /CN=leaf %s -out @leaf.csr", handle, c.options)
			o.verify("req -verify -noout -in @leaf.csr")
			o.sign("req -x509 -key %s -subj /CN=ca -days 9 %s -out @ca.pem", handle, c.options)
			o.verify("verify -auth_level 0 -check_ss_sig -CAfile @ca.pem @ca.pem")
			o.sign("x509 -req -in @leaf.csr -CA @ca.pem -CAkey %s -set_serial 7 -days 9 %s -out @leaf.pem", handle, c.options)
			o.verify("verify -auth_level 0 -partial_chain -trusted @ca.pem @leaf.pem")
			if c.key == "ed25519" {
				o.sign("pkeyutl -sign -rawin -inkey %s -in @message -out @signature", handle)
				o.verify("pkeyutl -verify -rawin -inkey %s -in @message -sigfile @signature", keyFile(t, c.key+".pem"))
				return // OpenSSL 3.0 makes no CMS of such keys
			}
			o.sign("dgst %s -sign %s -out @signature @message", c.options, handle)
			o.verify("dgst %s -prverify %s -signature @signature @message", c.options, keyFile(t, c.key+".pem"))
			md, options, _ := strings.Cut(c.options, " ")
			o.sign("cms -sign -md %s -in @message -signer @ca.pem -inkey %s %s -out @message.cms", strings.TrimPrefix(md, "-"), handle,
				strings.ReplaceAll(options, "-sigopt", "-keyopt"))
			o.verify("cms -verify -auth_level 0 -in @message.cms -CAfile @ca.pem -out @same")
		})
	}
}
