// Package sign measures signatures, key agreements, and the other operations with a private key
// that the multi-buffer engine does, beside the standard library, openssl and other libraries.
//
// It measures in processes of its own, one of them pinned to one CPU, so that neither the
// making of the keys nor the report is on the clock. Every result is verified when the clock
// has stopped.
package sign

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"time"

	"asynccrypto/bench/internal/harness"
	"asynccrypto/bench/internal/ops"
)

// Subject is this package's part of the benchmark.
func Subject() harness.Subject {
	var o options
	var drawn *plan
	return harness.Subject{
		Name:  "sign",
		Short: "signatures and key agreements/s on one core through the multi-buffer engine, beside crypto/*",
		Long: `It takes about seven minutes, and needs nothing: openssl speed, a second for each size, is left
out where there is no openssl. -node adds half a minute, and -crypto-mb a whole one, which needs a C
compiler and OpenSSL's headers. If one that -node or -crypto-mb names is not there, the run ends
before it begins.

  go run ./bench sign -openssl /opt/openssl/bin/openssl -plot sign.svg
  go run ./bench sign -node /opt/node/bin/node -crypto-mb /opt/crypto_mb`,
		Rounds: 7, QuickRounds: 2, Slice: 150 * time.Millisecond, QuickSlice: 30 * time.Millisecond,
		QuietShare: 0.96,
		Flags:      o.declare,
		Check:      o.check,
		Measure: func(ctx context.Context, run *harness.Run) (err error) {
			drawn, err = o.measure(ctx, run)
			return err
		},
		Finish: func(r *harness.Result) error {
			if o.plot == "" {
				return nil
			}
			return os.WriteFile(o.plot, drawn.svg(r), 0o644)
		},
		Roles: ops.Roles(),
	}
}

func (o *options) declare(fs *flag.FlagSet) {
	fs.IntVar(&o.keys, "keys", 64, "how many keys take turns where there are many: `N` from 2 to 1000")
	fs.StringVar(&o.openssl, "openssl", "openssl", "the openssl `COMMAND` to run speed of")
	fs.StringVar(&o.node, "node", "", "measure beside the OpenSSL inside a Node.js too, by its `COMMAND`, such as node;\n24 and later carry 3.5")
	fs.StringVar(&o.cryptoMB, "crypto-mb", "", ops.CryptoMBUsage)
	fs.StringVar(&o.plot, "plot", "", "also draw signatures/s against the number of jobs, into `FILE.svg`")
}

func (o *options) check() (part bool, err error) {
	if o.keys < 2 || o.keys > 1000 {
		return false, harness.Usagef("sign: -keys %d: must be between 2 and 1000", o.keys)
	}
	if o.plot != "" { // now, not when the figures are there
		if info, err := os.Stat(filepath.Dir(o.plot)); err != nil || !info.IsDir() {
			return false, harness.Usagef("sign: -plot %s: there is no such directory", o.plot)
		}
	}
	return false, nil
}
