package ops

import (
	"context"

	"asynccrypto/internal/measure"
)

// keyed is an operation with one key.
type keyed struct {
	*measure.Operation
	engine     measure.JobOperation // the same through the engine
	key        any                  // the private key
	signatures *measure.Signatures  // the inputs of a verification; nil for other operations
	agreement  *measure.Agreement   // those of a key agreement
}

// call does the operation through the engine.
func (k *keyed) call(n uint64) ([]byte, error) { return k.engine(context.Background(), n) }

// direct does it with the standard library.
func (k *keyed) direct(n uint64) ([]byte, error) { return k.Direct(n) }

// tally is the work of one goroutine in a slice. Every result is kept, as all of them are verified.
type tally []done

type done struct {
	n      uint64
	verify func(n uint64, result []byte) error
	result []byte
}
