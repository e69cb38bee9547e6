package ops

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"asynccrypto/bench/internal/harness"
)

//go:embed cryptomb/batches.c
var cryptoMBSource []byte

const hintCryptoMB = "build Intel's cryptography-primitives (sources/ippcp/crypto_mb) and name the prefix that it is installed to, or " +
	"its include and its library directory with a comma between"

// CryptoMBUsage describes the flag of a subject that names the library.
const CryptoMBUsage = "measure beside Intel's crypto_mb too, by the prefix `DIR` that it is installed to,\nor by INCLUDEDIR,LIBDIR"

// CryptoMB is a program with Intel's crypto_mb. It computes batches of eight in a loop.
type CryptoMB struct {
	Name    string // with the version
	Program string
}

// FindCryptoMB compiles the program into dir.
func FindCryptoMB(ctx context.Context, location, dir string) (*CryptoMB, error) {
	include, library, err := cryptoMBIn(location)
	if err != nil {
		return nil, err
	}
	libraries := []string{library}
	if filepath.Ext(library) != ".a" {
		libraries = append(libraries, "-Wl,-rpath,"+filepath.Dir(library))
	}
	program, err := harness.Compile(ctx, dir, "batches", cryptoMBSource, []string{"-I" + include}, append(libraries, "-lcrypto"))
	if err != nil {
		return nil, err
	}
	version, err := harness.Output(ctx, harness.NoPin, program, "version")
	if err != nil {
		return nil, err
	}
	return &CryptoMB{"crypto_mb " + strings.TrimSpace(version), program}, nil
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
