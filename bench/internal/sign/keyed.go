package sign

import (
	"crypto/rsa"

	"asynccrypto/internal/measure"
)

// keyed is an operation with one key.
type keyed struct {
	*measure.Operation
	engine measure.JobOperation // the same through the engine
	rsa    *rsa.PrivateKey      // nil for other algorithms
}

// tally is the work of one goroutine in a slice. Every result is kept, as all of them are verified.
type tally []done

type done struct {
	n      uint64
	verify func(n uint64, result []byte) error
	result []byte
}
