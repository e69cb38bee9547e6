//go:build linux

package provider

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestModule checks what the module needs and what it exports. A module that is linked with a
// libcrypto would bring a second one into programs that have another.
func TestModule(t *testing.T) {
	t.Parallel()
	for _, v := range []variant{plain, clang} {
		file, err := elf.Open(v.provider(t))
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		libraries, err := file.ImportedLibraries()
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range libraries {
			if strings.Contains(l, "crypto") || strings.Contains(l, "ssl") {
				t.Errorf("%s: it is linked with %s", v.name, l)
			}
		}
		symbols, err := file.DynamicSymbols()
		if err != nil {
			t.Fatal(err)
		}
		var exported []string
		for _, s := range symbols {
			if s.Section != elf.SHN_UNDEF {
				exported = append(exported, s.Name)
			}
		}
		if len(exported) != 1 || exported[0] != "OSSL_provider_init" {
			t.Errorf("%s: it exports %q", v.name, exported)
		}
	}
}

// TestStaticLibcrypto loads the provider in programs that contain libcrypto. If such a program
// hides it, the error must say so.
func TestStaticLibcrypto(t *testing.T) {
	t.Parallel()
	need(t, "gcc", "openssl")
	out, err := exec.Command("gcc", "-print-file-name=libcrypto.a").Output()
	if archive := strings.TrimSpace(string(out)); err != nil || !filepath.IsAbs(archive) {
		without(t, "libcrypto.a is not installed")
	}
	k := newKeyServer(t)
	k.start()
	env := append(k.env(t, plain), "OPENSSL_MODULES="+filepath.Dir(plain.provider(t)))
	dir := newDir(t)
	for name, flag := range map[string]string{"shows": "-rdynamic", "hides": "-Wl,--exclude-libs,ALL"} {
		t.Run(name, func(t *testing.T) {
			program := filepath.Join(dir, name)
			run(t, nil, "gcc", "-std=c11", "-D_GNU_SOURCE", "-o", program, "test/static.c", flag, "-l:libcrypto.a", "-ldl",
				"-pthread")
			run(t, env, program, name)
		})
	}
}

// TestInstall installs the provider for an OpenSSL in a folder of its own, and signs by means of
// the example of a configuration.
func TestInstall(t *testing.T) {
	t.Parallel()
	k := newKeyServer(t)
	k.start()
	dir := newDir(t)
	plain.provider(t)
	args := []string{"-s", "CC=gcc", "B=" + filepath.Join(tmp, plain.folder()), "PREFIX=" + dir + "/usr",
		"MODULESDIR=" + dir + "/modules"}
	run(t, nil, "make", append(args, "install")...)
	data := filepath.Join(dir, "data")
	if err := os.WriteFile(data, []byte("text"), 0o644); err != nil {
		t.Fatal(err)
	}
	env := []string{"OPENSSL_CONF=" + dir + "/usr/share/doc/asynccrypto-provider/openssl.cnf", "ASYNCCRYPTO_KEYSERVER=" + k.socket,
		"PKG_CONFIG_PATH=" + dir + "/usr/lib/pkgconfig"}
	run(t, env, "openssl", "dgst", "-sign", keyFile(t, "p256.handle.pem"), "-out", data+".sig", data)
	run(t, env, "openssl", "dgst", "-verify", publicKey(t, "p256"), "-signature", data+".sig", data)
	if _, err := os.Stat(dir + "/usr/share/man/man7/asynccrypto-provider.7"); err != nil {
		t.Error(err)
	}
	need(t, "pkg-config")
	if got := strings.TrimSpace(run(t, env, "pkg-config", "--variable=modulesdir", "asynccrypto-provider")); got != dir+"/modules" {
		t.Errorf("the pkg-config file says that the module is in %q", got)
	}
	run(t, nil, "make", append(args, "uninstall")...)
	filepath.WalkDir(dir+"/usr", func(path string, entry os.DirEntry, _ error) error {
		if !entry.IsDir() {
			t.Errorf("uninstall leaves %s", path)
		}
		return nil
	})
	relative, err := exec.Command("make", append(args, "install", "MODULESDIR=modules", "DESTDIR="+dir)...).CombinedOutput()
	if err == nil || !strings.Contains(string(relative), "no absolute path") {
		t.Errorf("a relative folder: %v\n%s", err, relative)
	}
}

// publicKey returns the path of a file with the public key of testKeys.
func publicKey(t *testing.T, name string) string {
	t.Helper()
	file := filepath.Join(newDir(t), "public.pem")
	run(t, nil, "openssl", "x509", "-in", keyFile(t, name+".cert.pem"), "-noout", "-pubkey", "-out", file)
	return file
}

// TestSettings checks that a wrong setting is told to whoever has a key for the provider, and does
// not keep OpenSSL from anything else.
func TestSettings(t *testing.T) {
	t.Parallel()
	need(t, "openssl")
	k := newKeyServer(t)
	k.start()
	handle, plainKey := keyFile(t, "p256.handle.pem"), keyFile(t, "p256.pem")
	for _, c := range []struct {
		line string
		want string // in the error; empty: it is right
	}{
		{"timeout = 1", ""},
		{"timeout = 3600000", ""},
		{"timeout = 0", "timeout = 0 is no number of milliseconds from 1 to 3600000"},
		{"timeout = 3600001", "timeout = 3600001 is no"},
		{"timeout = 4294967297", "timeout = 4294967297 is no"},
		{"timeout = 5s", "timeout = 5s is no"},
		{"timeout = -1", "timeout = -1 is no"},
		{"timeout = ", "timeout =  is no"},
		{"thread = early", ""},
		{"thread = late", ""},
		{"thread = soon", "thread = soon is neither early nor late"},
		{"socket = " + strings.Repeat("x", 108), "can't be the path of a socket"},
	} {
		env := []string{"OPENSSL_CONF=" + k.config(plain, c.line)}
		out, err := command(t, env, "openssl", "pkey", "-in", handle, "-pubout").CombinedOutput()
		if (err == nil) != (c.want == "") || !strings.Contains(string(out), c.want) {
			t.Errorf("%s: %v, %s", c.line, err, out)
		}
		if active := strings.Count(run(t, env, "openssl", "list", "-providers"), "status: active"); (active == 2) != (c.want == "") {
			t.Errorf("%s: %d active providers", c.line, active)
		}
		run(t, env, "openssl", "pkey", "-in", plainKey, "-pubout")
		run(t, env, "openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
	}
}

// TestDebug checks that the trace is written only where it is asked for.
func TestDebug(t *testing.T) {
	t.Parallel()
	need(t, "openssl")
	k := newKeyServer(t)
	k.start()
	env := k.env(t, plain)
	if out := run(t, env, "openssl", "pkey", "-in", keyFile(t, "p256.handle.pem"), "-noout"); out != "" {
		t.Errorf("without being asked it writes\n%s", out)
	}
	out := run(t, append(env, "ASYNCCRYPTO_PROVIDER_DEBUG=1"), "openssl", "pkey", "-in", "asynccrypto:p256", "-noout")
	if !strings.Contains(out, "key server at "+k.socket) {
		t.Errorf("it writes\n%s", out)
	}
}
