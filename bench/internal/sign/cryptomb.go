package sign

import (
	"context"
	"crypto"
	"crypto/rsa"
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"asynccrypto/bench/internal/harness"
	"asynccrypto/internal/ifma"
)

//go:embed cryptomb/sign.c
var cryptoMBSource []byte

const hintCryptoMB = "build Intel's cryptography-primitives (sources/ippcp/crypto_mb) and name the prefix that it is installed to, or " +
	"its include and its library directory with a comma between"

// findCryptoMB compiles a program with Intel's crypto_mb.
func findCryptoMB(ctx context.Context, location, dir string) (*other, error) {
	include, library, err := cryptoMBIn(location)
	if err != nil {
		return nil, err
	}
	libraries := []string{library}
	if filepath.Ext(library) != ".a" {
		libraries = append(libraries, "-Wl,-rpath,"+filepath.Dir(library))
	}
	program, err := harness.Compile(ctx, dir, "sign", cryptoMBSource, []string{"-I" + include}, append(libraries, "-lcrypto"))
	if err != nil {
		return nil, err
	}
	version, err := othersVersion(ctx, []string{program})
	if err != nil {
		return nil, err
	}
	return &other{
		name: "crypto_mb " + version,
		about: fmt.Sprintf("mbx_rsa_private_crt_ssl_mb8 in a loop with %d keys, %d messages padded beforehand; it pads nothing, has no queue "+
			"and does not verify its results: ours does all three", ifma.MaxBatch, ifma.MaxBatch),
		keys:    ifma.MaxBatch,
		goal:    func(algorithm string) float64 { return goals[algorithm].cryptoMB },
		command: []string{program},
		copied:  true,
		input:   cryptoMBInput,
	}, nil
}

// cryptoMBIn returns the include directory and the library: of a prefix with include/ and lib/,
// or of two directories with a comma between. It prefers the static library, which is copied
// with the program.
func cryptoMBIn(location string) (include, library string, err error) {
	include, lib, two := strings.Cut(location, ",")
	libs := []string{lib}
	if !two {
		include = filepath.Join(location, "include")
		libs = []string{filepath.Join(location, "lib"), filepath.Join(location, "lib64"), filepath.Join(location, "lib", "intel64")}
	}
	if include, err = filepath.Abs(include); err != nil { // the compiler may be a script that goes elsewhere
		return "", "", err
	}
	if _, err := os.Stat(filepath.Join(include, "crypto_mb", "rsa.h")); err != nil {
		return "", "", &harness.Missing{What: fmt.Sprintf("no crypto_mb/rsa.h in %s", include), Hint: hintCryptoMB}
	}
	for _, name := range []string{"libcrypto_mb.a", "libcrypto_mb.so", "libcrypto_mb.dylib"} {
		for _, dir := range libs {
			library = filepath.Join(dir, name)
			if _, err := os.Stat(library); err == nil {
				library, err = filepath.Abs(library)
				return include, library, err
			}
		}
	}
	return "", "", &harness.Missing{What: "no libcrypto_mb in " + strings.Join(libs, ", "), Hint: hintCryptoMB}
}

func cryptoMBInput(keys []*rsa.PrivateKey) (string, func([][]byte) error) {
	var b strings.Builder
	fmt.Fprintln(&b, keys[0].N.BitLen())
	for i, k := range keys {
		pre := k.Precomputed
		b.WriteString(hexLines(k.Primes[0].Bytes(), k.Primes[1].Bytes(), pre.Dp.Bytes(), pre.Dq.Bytes(), pre.Qinv.Bytes(), padded(k.Size(), uint64(i))))
	}
	return b.String(), func(results [][]byte) error {
		for i, k := range keys {
			if err := rsa.VerifyPKCS1v15(&k.PublicKey, crypto.SHA256, digestOf(uint64(i)), results[i]); err != nil {
				return fmt.Errorf("result %d: %w", i, err)
			}
		}
		return nil
	}
}
