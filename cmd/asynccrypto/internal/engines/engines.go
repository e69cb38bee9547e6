// Package engines holds the table of the engines that the command knows.
package engines

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"errors"
	"fmt"
	"runtime"
	"strings"

	"asynccrypto/cmd/asynccrypto/internal/cli"
	"asynccrypto/engine"
	"asynccrypto/engine/multibuffer"
	"asynccrypto/engine/workers"
)

// Kind is an engine that the command knows. To add one, add an element to the table: speed, sign,
// verify, serve and engines all go by it.
type Kind struct {
	Name string
	Open func(Options) (*engine.Engine, error)
	// Supported reports whether the engine gains speed on this machine and, if not, why.
	Supported func() (ok bool, why string)
	// Gain says what to expect of it beside direct calls, in sentences, for the first screen of
	// speed.
	Gain func() string
	// does describes the operations of the engine on this machine, in lines. It is called only
	// where the engine is supported.
	does func() []string
}

// Options are those that the engines have in common. The zero value stands for their defaults.
type Options struct{ Workers, Nice int }

// kinds is ordered: the default is the first engine that this machine supports.
var kinds = []Kind{
	{
		Name: "multibuffer",
		Open: func(o Options) (*engine.Engine, error) {
			return multibuffer.New(multibuffer.Options{Workers: o.Workers, Nice: o.Nice})
		},
		Supported: multibuffer.Supported,
		Gain: func() string {
			return "computes eight at a time on each core, on AVX-512 IFMA: sign and verify with\n" +
				"RSA-2048, -3072 and -4096, ECDSA P-256 and P-384, and Ed25519; derive and keygen with X25519.\n" +
				"Everything else it leaves to the standard library of the direct calls: there is no gain in speed there."
		},
		does: operationLines,
	},
	{
		Name: "workers",
		Open: func(o Options) (*engine.Engine, error) {
			return workers.New(workers.Options{Workers: o.Workers, Nice: o.Nice})
		},
		Supported: func() (bool, string) { return true, "" },
		Gain: func() string {
			const same = "computes with the same standard library as the direct calls: there is no gain in speed.\n" +
				"It gives a bounded queue, and goroutines that drive many jobs each. "
			if ok, why := multibuffer.Supported(); !ok {
				return same + "Nor is there a gain to be had here from\n" +
					`the engine "multibuffer", which computes eight at a time: ` + why + "."
			}
			return same + `The engine "multibuffer" computes` + "\neight at a time here."
		},
		does: func() []string {
			return []string{
				fmt.Sprintf("any operation, by the Go standard library, %d at a time (one on each core)", runtime.GOMAXPROCS(0)),
				"no gain in speed over calling the library directly, with or without AVX-512 IFMA:",
				"it gives a bounded queue, and a caller that goes on with other work meanwhile",
			}
		},
	},
}

// Choose returns the engine of that name, or the default for the empty name. Errors are usage
// errors; they list the engines, and after them the other names that the caller takes.
func Choose(name string, others ...string) (*Kind, error) {
	var names []string
	for i := range kinds {
		k := &kinds[i]
		ok, why := k.Supported()
		switch {
		case name == "" && ok:
			return k, nil
		case name == k.Name && !ok:
			return nil, cli.Usagef("engine %q gains nothing on this machine: %s", name, why)
		case name == k.Name:
			return k, nil
		}
		names = append(names, k.Name)
	}
	if name == "" {
		return nil, errors.New("no engine can run on this machine")
	}
	return nil, cli.Usagef("unknown engine %q; there are %s", name, strings.Join(append(names, others...), ", "))
}

// Batches reports whether the engine multibuffer signs up to eight at a time with such a key on
// this machine and, if not, why. The parameter key is the public key.
func Batches(key crypto.PublicKey) (ok bool, why string) {
	if ok, why := multibuffer.Supported(); !ok {
		return false, why
	}
	switch k := key.(type) {
	case *rsa.PublicKey:
		switch k.N.BitLen() {
		case 2048, 3072, 4096:
			return true, ""
		}
	case *ecdsa.PublicKey:
		if k.Curve == elliptic.P256() || k.Curve == elliptic.P384() {
			return true, ""
		}
	case ed25519.PublicKey:
		return true, ""
	}
	return false, "that is for RSA-2048, RSA-3072, RSA-4096, ECDSA P-256 and P-384, and Ed25519"
}
