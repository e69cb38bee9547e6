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
	link := []string{"src/decode.c", "src/keymgmt.c", "src/object.c", "src/key.c", "src/der.c", "src/params.c", "src/core.c",
		"src/libcrypto.c", "-lcrypto"}
	cTest{name: "fuzz_handle", link: link, args: corpus, keyless: true}.each(t, plain, asan)
}

// TestKeys compares the keys of handles with the same keys of OpenSSL's provider.
func TestKeys(t *testing.T) {
	t.Parallel()
	c := cTest{name: "keys", link: []string{"-lcrypto", "-lssl"}, server: newKeyServer(t)}
	c.each(t, plain, clang, asan, valgrind, node20, node24, node26)
}

// TestFiles reads handles beside other things in a file, and broken ones.
func TestFiles(t *testing.T) {
	t.Parallel()
	sorted := plain
	sorted.name, sorted.env = "sorted", []string{"LOOKUP=1"}
	c := cTest{name: "files", link: []string{"-lcrypto", "-lssl"}, server: newKeyServer(t)}
	c.each(t, plain, clang, sorted, asan, node20, node24, node26)
}

// TestContexts uses many library contexts, threads and processes.
func TestContexts(t *testing.T) {
	t.Parallel()
	k := newKeyServer(t)
	k.start()
	cTest{name: "contexts", link: []string{"-lcrypto"}, server: k}.each(t, plain, clang, asan, tsan, valgrind)
}

// TestBegin looks when the thread of jobs begins.
func TestBegin(t *testing.T) {
	t.Parallel()
	k := newKeyServer(t)
	for _, setting := range []string{"early", "late"} {
		t.Run(setting, func(t *testing.T) {
			for _, v := range []variant{plain, clang, valgrind} {
				v.env = append(v.env, "OPENSSL_CONF="+k.config(v, "thread = "+setting), "KEYS="+filepath.Dir(keyFile(t, "ca.pem")))
				cTest{name: "begin", link: []string{"-lcrypto"}, args: []string{setting}}.each(t, v)
			}
		})
	}
}

// TestNames loads keys by name, while the key server is there and while it is not.
func TestNames(t *testing.T) {
	t.Parallel()
	k := newKeyServer(t)
	k.start()
	link := []string{"-lcrypto"}
	t.Run("there", func(t *testing.T) {
		cTest{name: "names", link: link, server: k}.each(t, plain, clang, asan, valgrind, node20, node24, node26)
	})
	t.Run("away", func(t *testing.T) {
		k.signal(syscall.SIGKILL)
		v := plain
		v.env = append(k.env(t, v), "OPENSSL_CONF="+k.config(v, "timeout = 50"), "AWAY=1")
		cTest{name: "names", link: link}.run(t, v)
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
	for name, c := range map[string]struct {
		config string
		env    string
	}{
		"usual":             {usual, ""},
		"sorted by name":    {usual, "LOOKUP=1"},
		"ours first":        {change(sections, "asynccrypto = asynccrypto_section\ndefault = default_section\n"), ""},
		"another name":      {change(sections, "aaa = asynccrypto_section\ndefault = default_section\n"), "LOOKUP=1"},
		"further providers": {change(sections, sections+"legacy = default_section\nbase = default_section\n"), "LOOKUP=1"},
		"preferred": {change("[providers]\n", "alg_section = properties\n[properties]\ndefault_properties = ?provider=asynccrypto\n"+
			"[providers]\n"), "LOOKUP=1"},
		"loaded before": {os.DevNull, "LOAD=" + filepath.Dir(plain.provider(t))},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, v := range []variant{plain, node20, node24, node26} {
				if v.node != "" && name == "loaded before" {
					continue // Node has loaded OpenSSL's own provider
				}
				t.Run(v.name, func(t *testing.T) {
					v.env = append(k.env(t, v), "OPENSSL_CONF="+c.config, c.env)
					cTest{name: "order", link: []string{"-lcrypto", "-lssl"}}.run(t, v)
				})
			}
		})
	}
}
