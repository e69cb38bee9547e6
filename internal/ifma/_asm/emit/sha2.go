package emit

import "math/big"

// RoundConstants returns the constants of SHA-512 (FIPS 180-4, section 4.2.3): the first 64 bits of
// the fractional parts of the cube roots of the first 80 primes. The upper halves of the first 64 are
// the constants of SHA-256.
func RoundConstants() []uint64 {
	ks := make([]uint64, 80)
	p := int64(1)
	for i := range ks {
		for p++; !big.NewInt(p).ProbablyPrime(0); p++ {
		}
		// The cube root of p·2^192 is that of p times 2^64.
		n, root := new(big.Int).Lsh(big.NewInt(p), 192), new(big.Int)
		for bit := 68; bit >= 0; bit-- {
			x := new(big.Int).SetBit(root, bit, 1)
			if new(big.Int).Exp(x, big.NewInt(3), nil).Cmp(n) <= 0 {
				root = x
			}
		}
		ks[i] = new(big.Int).And(root, new(big.Int).SetUint64(^uint64(0))).Uint64()
	}
	return ks
}
