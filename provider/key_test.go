//go:build linux

package provider

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestParams compares params.c with libcrypto's functions.
func TestParams(t *testing.T) {
	t.Parallel()
	cTest{name: "params", link: []string{"src/params.c", "-lcrypto"}, keyless: true}.each(t, plain, clang, asan)
}

// TestFuzzHandles gives the decoders handles that are cut off, or have another byte somewhere.
func TestFuzzHandles(t *testing.T) {
	t.Parallel()
	corpus, err := filepath.Glob("test/corpus/handle/*")
	if err != nil || corpus == nil {
		t.Fatal("no corpus", err)
	}
	link := []string{"src/decode.c", "src/keymgmt.c", "src/object.c", "src/key.c", "src/der.c", "src/params.c", "src/core.c", "src/libcrypto.c", "-lcrypto"}
	cTest{name: "fuzz_handle", link: link, args: corpus, keyless: true}.each(t, plain, asan)
}

// TestKeys compares the keys of handles with the same keys of OpenSSL's provider.
func TestKeys(t *testing.T) {
	t.Parallel()
	cTest{name: "keys", link: []string{"-lcrypto", "-lssl"}, server: newKeyServer(t)}.each(t, plain, clang, asan, valgrind)
}

// TestFiles reads handles beside other things in a file, and broken ones.
func TestFiles(t *testing.T) {
	t.Parallel()
	cTest{name: "files", link: []string{"-lcrypto", "-lssl"}, server: newKeyServer(t)}.each(t, plain, clang, asan)
}

// TestContexts uses many library contexts, threads and processes.
func TestContexts(t *testing.T) {
	t.Parallel()
	k := newKeyServer(t)
	k.start()
	cTest{name: "contexts", link: []string{"-lcrypto"}, server: k}.each(t, plain, clang, asan, tsan, valgrind)
}

// TestNames loads keys by name, while the key server is there and while it is not.
func TestNames(t *testing.T) {
	t.Parallel()
	k := newKeyServer(t)
	k.start()
	link := []string{"-lcrypto"}
	t.Run("there", func(t *testing.T) { cTest{name: "names", link: link, server: k}.each(t, plain, clang, asan, valgrind) })
	t.Run("away", func(t *testing.T) {
		k.signal(syscall.SIGKILL)
		program := cTest{name: "names", link: link}.built(t, plain)
		run(t, []string{"OPENSSL_CONF=" + k.config(plain, "timeout = 50"), "KEYS=" + filepath.Dir(keyFile(t, "ca.pem"))}, program, "away")
	})
}

// TestPublicKeyWork looks who makes keys and who verifies, in configurations in which libcrypto
// would take the first provider of its list, or one that is preferred.
func TestPublicKeyWork(t *testing.T) {
	t.Parallel()
	k := newKeyServer(t)
	k.start()
	usual := k.config(plain)
	change := func(old, new string) string {
		text, err := os.ReadFile(usual)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(newDir(t), "openssl.cnf")
		if !strings.Contains(string(text), old) {
			t.Fatalf("%q is not in the configuration", old)
		}
		if err := os.WriteFile(file, []byte(strings.Replace(string(text), old, new, 1)), 0o644); err != nil {
			t.Fatal(err)
		}
		return file
	}
	const sections = "default = default_section\nasynccrypto = asynccrypto_section\n"
	program := cTest{name: "order", link: []string{"-lcrypto", "-lssl"}}.built(t, plain)
	for name, c := range map[string]struct {
		config string
		args   []string
	}{
		"usual":             {usual, nil},
		"sorted by name":    {usual, []string{"lookup"}},
		"ours first":        {change(sections, "asynccrypto = asynccrypto_section\ndefault = default_section\n"), nil},
		"another name":      {change(sections, "aaa = asynccrypto_section\ndefault = default_section\n"), []string{"lookup"}},
		"further providers": {change(sections, sections+"legacy = default_section\nbase = default_section\n"), []string{"lookup"}},
		"preferred":         {change("[providers]\n", "alg_section = properties\n[properties]\ndefault_properties = ?provider=asynccrypto\n[providers]\n"), []string{"lookup"}},
		"loaded before":     {os.DevNull, []string{"load", filepath.Dir(plain.provider(t))}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := []string{"OPENSSL_CONF=" + c.config, "ASYNCCRYPTO_KEYSERVER=" + k.socket, "KEYS=" + filepath.Dir(keyFile(t, "ca.pem"))}
			run(t, env, program, c.args...)
		})
	}
}
