package sign

import (
	"strings"

	"asynccrypto/bench/internal/harness"
	"asynccrypto/bench/internal/ops"
)

var rsaSizes = []int{2048, 3072, 4096}

// goals are those of the multi-buffer engine by algorithm, in times as fast: beside the others
// with jobsFull jobs, and beside crypto/rsa with one job alone.
var goals = map[string]struct{ std, openssl30, openssl35, cryptoMB, alone float64 }{
	"rsa2048": {8.5, 2.2, 2.2, 1.1, 1.8},
	"rsa3072": {8, 5, 2, 1.6, 1},
	"rsa4096": {7.5, 5, 1.85, 1.4, 1},
}

// curves are the operations on elliptic curves, with the goals: in times as fast as crypto/* with
// many goroutines, and as crypto_mb, which verifies no signature that it makes.
var curves = []struct {
	algorithm, operation string
	std, cryptoMB        float64
}{
	{"ecdsap256", "sign", 4, 0},
	{"ecdsap256", ops.SignRFC6979, 3, 0},
	{"ecdsap384", "sign", 0, 0},
	{"ecdsap384", ops.SignRFC6979, 0, 0},
	{"ed25519", "sign", 2.5, 0},
	{"ecdhx25519", "derive", 5.5, 1},
	{"ecdhx25519", "keygen", 12, 1.5},
}

// kernelGoal returns the goal of the RSA kernels alone beside crypto_mb's. The goals on Intel's
// CPUs are lower, because measurements there showed a smaller advantage.
func kernelGoal(machine harness.Machine, algorithm string) harness.Goal {
	if !intel(machine) {
		return harness.Goal{AtLeast: goals[algorithm].cryptoMB}
	}
	return map[string]harness.Goal{"rsa2048": {AtLeast: 0.95, Aim: 1.05}, "rsa3072": {AtLeast: 1.3}, "rsa4096": {AtLeast: 1.25}}[algorithm]
}

func intel(machine harness.Machine) bool { return strings.HasPrefix(machine.ID, "intel-") }

// wrapGoal is how many times as fast wrapping an RSA-2048 key is as a signature of crypto/rsa.
const wrapGoal = 2

const (
	jobsFull  = 64 // fill every batch
	coresGoal = 1.9
	setGoal   = 1.15 // of schoolbook beside karatsuba, the sets of kernels for RSA-2048, on Intel's CPUs
	costGoal  = 0.97 // of the bare kernels' rate, for RSA-2048
	keyGoal   = 64   // KB for a wrapped key
)

// opensslGoal returns the goal beside a release. 3.0 has no kernel of this kind for RSA-3072
// and 4096, 3.5 has; there is no goal for those between.
func opensslGoal(release, algorithm string) float64 {
	switch release {
	case "3.0":
		return goals[algorithm].openssl30
	case "3.5":
		return goals[algorithm].openssl35
	}
	return 0
}
