//go:build linux

package provider

import "testing"

// TestAlgorithms compares the tables of digests and of algorithms with libcrypto's.
func TestAlgorithms(t *testing.T) {
	t.Parallel()
	cTest{name: "algorithm", link: []string{"src/algorithm.c", "src/digest.c", "-lcrypto"}, keyless: true}.each(t, plain, clang, asan)
}

// TestMessages gathers messages of many sizes in many ways.
func TestMessages(t *testing.T) {
	t.Parallel()
	cTest{name: "message", link: []string{"src/message.c", "src/digest.c", "src/core.c", "-lcrypto"}, keyless: true}.each(t, plain, clang, asan)
}
