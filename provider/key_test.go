//go:build linux

package provider

import (
	"path/filepath"
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
