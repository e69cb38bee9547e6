package verify

import (
	"fmt"
	"strings"

	"asynccrypto/bench/internal/harness"
	"asynccrypto/bench/internal/ops"
)

// operations are all that is measured, with the goals: in times as fast as crypto/*, and as
// crypto_mb.
var operations = []struct {
	algorithm, operation string
	std, cryptoMB        float64
}{
	{"rsa2048", "verify", 6, 1.3},
	{"rsa3072", "verify", 14, 1.3},
	{"rsa4096", "verify", 18, 1.3},
	{"ecdsap256", "verify", 11, 3},
	{"ecdsap256", ops.VerifyAny, 6, 1.3},
	{"ecdsap384", "verify", 20, 3},
	{"ecdsap384", ops.VerifyAny, 10, 1.3},
	{"ed25519", "verify", 8, 1.7},
	{"ed25519", ops.VerifyAny, 4, 1},
}

// wrapMost is the most microseconds that wrapping an RSA-2048 key may take.
const wrapMost = 50

// plan fills the run's result with tables.
func plan(rows *ops.Rows) *ops.Rows {
	result := rows.Run.Result
	if rows.Reason != "" {
		result.Notes = append(result.Notes, "no gain here: "+rows.Reason+"; the engine leaves everything to the standard library")
	}
	full := result.Table("verifications on one core",
		fmt.Sprintf("%d goroutines that verify through the engine multibuffer, beside crypto/* called directly; %d keys", ops.Goroutines, rows.Keys))
	alone := result.Table("one verification at a time on one core", "a goroutine that verifies through the engine, beside a direct call")
	wrap := result.Table("wrapping a public key", "what it takes to wrap a key with the engine, beside a verification by the standard library")
	for _, o := range operations {
		rows.Full(full, o.algorithm, o.operation, o.std)
		rows.Alone(alone, o.algorithm, o.operation)
		if o.operation == ops.VerifyAny {
			continue
		}
		most := 0.0
		if strings.HasPrefix(o.algorithm, "rsa2048") {
			most = wrapMost
		}
		rows.Wrap(wrap, o.algorithm, o.operation, 0, most)
	}
	return rows
}

// planBeside adds the table beside crypto_mb. Its figures for any key and for prepared ones are the
// same, as it prepares none.
func planBeside(m *ops.CryptoMB, run *harness.Run) *ops.Beside {
	b := ops.NewBeside(m, run)
	for _, o := range operations {
		b.Row(run, o.algorithm, o.operation, harness.Goal{AtLeast: o.cryptoMB})
	}
	return b
}
