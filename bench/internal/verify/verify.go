// Package verify measures the verification of signatures through the engine multibuffer beside the
// standard library, and the kernels beside Intel's crypto_mb.
package verify

import (
	"context"
	"flag"
	"fmt"
	"time"

	"asynccrypto/bench/internal/harness"
	"asynccrypto/bench/internal/ops"
	"asynccrypto/internal/ifma"
)

// Subject is this package's part of the benchmark.
func Subject() harness.Subject {
	var o options
	return harness.Subject{
		Name:  "verify",
		Short: "verifications/s on one core through the multi-buffer engine, beside the standard library",
		Long: `It takes about three minutes, and needs nothing. -crypto-mb adds half a minute; it needs a C compiler
and OpenSSL's headers. If the library is not there, the run ends before it begins.

A key is prepared once, as a program does whose keys come again. The rows with any key are about
keys that come once: 4,096 of them take turns. One signature of eight, or of 64 with any key, is
not valid, and both sides have to find it. The tokens are measured by the benchmark of
interop/golangjwt.

  go run ./bench verify -crypto-mb /opt/crypto_mb`,
		Rounds: 7, QuickRounds: 2, Slice: 150 * time.Millisecond, QuickSlice: 30 * time.Millisecond,
		QuietShare: 0.96,
		Flags:      o.declare,
		Check:      o.check,
		Measure:    o.measure,
		Roles:      ops.Roles(),
	}
}

// options are the subject's flags.
type options struct {
	keys     int
	cryptoMB string // where a library to measure beside is; empty unless asked for
}

func (o *options) declare(fs *flag.FlagSet) {
	fs.IntVar(&o.keys, "keys", 8, "how many keys take turns: `N` from 1 to 1000")
	fs.StringVar(&o.cryptoMB, "crypto-mb", "", ops.CryptoMBUsage)
}

func (o *options) check() (part bool, err error) {
	if o.keys < 1 || o.keys > 1000 {
		return false, harness.Usagef("verify: -keys %d: must be between 1 and 1000", o.keys)
	}
	return false, nil
}

// measure makes the keys and measures all there is, round by round.
func (o *options) measure(ctx context.Context, run *harness.Run) error {
	dir, remove, err := run.Dir()
	if err != nil {
		return err
	}
	defer remove()
	rows := plan(ops.NewRows(run, o.keys))
	run.Progress.Show("compiling")
	tokens, err := planTokens(ctx, rows, dir)
	if err != nil {
		return err
	}
	var beside *ops.Beside
	if o.cryptoMB != "" {
		found, err := ops.FindCryptoMB(ctx, o.cryptoMB, dir)
		if err != nil {
			return fmt.Errorf("-crypto-mb: %w", err)
		}
		beside = planBeside(found, run)
	}
	keys, err := ops.MakeKeys(ctx, []int{2048, 3072, 4096}, max(o.keys, ifma.Lanes), run.Progress)
	if err != nil {
		return err
	}
	s := ops.NewSession(run, keys)
	err = run.Each(ctx, func(round int) error {
		return s.Round(round, func() error {
			if err := rows.Measure(ctx, round, s); err != nil {
				return err
			}
			if beside != nil {
				if err := beside.Measure(ctx, round, s); err != nil {
					return err
				}
			}
			return tokens.measure(ctx, round, s)
		})
	})
	s.Conclude()
	return err
}
