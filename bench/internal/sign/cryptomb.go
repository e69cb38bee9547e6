package sign

import (
	"context"
	"crypto"
	"crypto/rsa"
	"fmt"
	"strings"

	"asynccrypto/bench/internal/ops"
	"asynccrypto/internal/ifma"
	"asynccrypto/internal/measure"
)

// findCryptoMB compiles a program with Intel's crypto_mb.
func findCryptoMB(ctx context.Context, location, dir string) (*other, error) {
	found, err := ops.FindCryptoMB(ctx, location, dir)
	if err != nil {
		return nil, err
	}
	return &other{
		name: found.Name,
		about: fmt.Sprintf("mbx_rsa_private_crt_ssl_mb8 in a loop with %d keys, %d messages padded beforehand; it pads nothing, has no queue "+
			"and does not verify its results: ours does all three", ifma.Lanes, ifma.Lanes),
		keys:    ifma.Lanes,
		goal:    func(algorithm string) float64 { return goals[algorithm].cryptoMB },
		command: []string{found.Program, "rsa-sign"},
		copied:  true,
		input:   cryptoMBInput,
		batches: found,
	}, nil
}

func cryptoMBInput(keys []*rsa.PrivateKey) (string, func([][]byte) error) {
	var b strings.Builder
	fmt.Fprintln(&b, keys[0].Size())
	for i, k := range keys {
		pre := k.Precomputed
		b.WriteString(ops.HexLines(k.Primes[0].Bytes(), k.Primes[1].Bytes(), pre.Dp.Bytes(), pre.Dq.Bytes(), pre.Qinv.Bytes(),
			ops.Padded(k.Size(), uint64(i))))
	}
	return b.String(), func(results [][]byte) error {
		for i, k := range keys {
			if err := rsa.VerifyPKCS1v15(&k.PublicKey, crypto.SHA256, measure.Message(uint64(i), crypto.SHA256), results[i]); err != nil {
				return fmt.Errorf("result %d: %w", i, err)
			}
		}
		return nil
	}
}
