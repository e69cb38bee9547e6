package ops

import (
	"fmt"
	"time"

	"asynccrypto/internal/ifma"
	"asynccrypto/internal/ifma/nistec"
)

// kernels is the arithmetic alone, called directly with full batches: no engine is around it, and
// signatures are parsed beforehand. The engine costs the difference between its rate and that of
// jobs through the engine.
type kernels interface {
	// batch does the operation on eight inputs, each with the key at the same place, and returns
	// the results.
	batch(keys *[ifma.Lanes]int, numbers *[ifma.Lanes]uint64) (results [ifma.Lanes][]byte, err error)
	// verify verifies the result of input n.
	verify(k *keyed, n uint64, result []byte) error
}

// ordinary kernels return results as the operation does.
type ordinary struct{}

func (ordinary) verify(k *keyed, n uint64, result []byte) error { return k.Verify(n, result) }

// newKernels returns the kernels of a task.
func newKernels(t Task, keys []*keyed) (kernels, error) {
	curve := map[string]*nistec.Curve{"ecdsap256": nistec.P256(), "ecdsap384": nistec.P384()}[t.Algorithm]
	isRSA := keys[0].isRSA()
	switch op := t.Operation; {
	case op == "sign" && isRSA:
		return newRSASigner(keys)
	case op == "verify" && isRSA:
		return newRSAVerifier(keys)
	case (op == "sign" || op == SignRFC6979) && curve != nil:
		return newECDSASigner(curve, keys, op == "sign")
	case (op == "verify" || op == VerifyAny) && curve != nil:
		return newECDSAVerifier(curve, keys, op == VerifyAny)
	case t.Algorithm == "ed25519" && op == "sign":
		return newEd25519Signer(keys)
	case t.Algorithm == "ed25519" && (op == "verify" || op == VerifyAny):
		return newEd25519Verifier(keys, op == VerifyAny)
	case op == "derive":
		return newX25519(keys)
	case op == "keygen":
		return newX25519(nil)
	}
	return nil, fmt.Errorf("there are no kernels to %s with %s", t.Operation, t.Algorithm)
}

// runKernels computes full batches until the time is up, at least one.
func (w *worker) runKernels(k kernels, d time.Duration, keys []*keyed) (all tally, err error) {
	var lanes [ifma.Lanes]int
	var numbers [ifma.Lanes]uint64
	verify := make([]func(uint64, []byte) error, len(keys))
	for i, one := range keys {
		verify[i] = func(n uint64, result []byte) error { return k.verify(one, n, result) }
	}
	until := time.Now().Add(d)
	for first := true; first || time.Now().Before(until); first = false {
		for l := range numbers {
			numbers[l] = w.number()
			lanes[l] = int(numbers[l] % uint64(len(keys)))
		}
		results, err := k.batch(&lanes, &numbers)
		if err != nil {
			return nil, err
		}
		for l, n := range numbers {
			all = append(all, done{n, verify[lanes[l]], results[l]})
		}
	}
	return all, nil
}

// whole is the answer of kernels that have done all lanes.
const whole = 1<<ifma.Lanes - 1

// found returns the results of verifications: the digest where the signature is valid.
func found(valid uint8, digests *[ifma.Lanes][]byte) (results [ifma.Lanes][]byte) {
	for l := range results {
		if valid>>l&1 == 1 {
			results[l] = digests[l]
		}
	}
	return results
}
