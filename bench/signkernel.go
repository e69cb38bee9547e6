package main

import (
	"crypto"
	"errors"
	"time"

	"asynccrypto/internal/ifma"
)

// kernel is the arithmetic alone, eight lanes at a time and checked with the public exponent as always: what it does faster
// than jobs through the engine is what the engine costs.
type kernel struct {
	keys []*keyed
	work *ifma.Workspace
	lane []*ifma.Key
}

func newKernel(keys []*keyed) (*kernel, error) {
	k := &kernel{keys: keys}
	var err error
	if k.work, err = ifma.NewWorkspace(keys[0].key.Size()); err != nil {
		return nil, err
	}
	for _, one := range keys {
		p := one.key.Precomputed
		lane, err := ifma.NewKey(one.key.N.Bytes(), one.key.E, one.key.Primes[0].Bytes(), one.key.Primes[1].Bytes(),
			p.Dp.Bytes(), p.Dq.Bytes(), p.Qinv.Bytes())
		if err != nil {
			return nil, err
		}
		k.lane = append(k.lane, lane)
	}
	return k, nil
}

func (k *kernel) run(b *bench, d time.Duration) (all tally, err error) {
	size := k.work.Size()
	var lanes [ifma.MaxBatch]*ifma.Key
	var numbers [ifma.MaxBatch]uint64
	var data [ifma.MaxBatch][]byte
	for until := time.Now().Add(d); time.Now().Before(until); {
		for l := range lanes {
			numbers[l] = b.next.Add(1)
			lanes[l] = k.lane[numbers[l]%uint64(len(k.lane))]
			data[l] = padded(size, numbers[l])
		}
		if k.work.Sign(&lanes, &data, &data, ifma.MaxBatch) != 1<<ifma.MaxBatch-1 {
			return nil, errors.New("the kernels' own check failed")
		}
		for l, n := range numbers {
			all = append(all, done{n, k.keys[n%uint64(len(k.keys))], data[l]})
		}
	}
	return all, nil
}

// padded is input n in PKCS #1 v1.5's padding (RFC 8017, section 9.2) for SHA-256.
func padded(size int, n uint64) []byte {
	digest := digestOf(n, crypto.SHA256)
	prefix := []byte{0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20}
	em := make([]byte, size)
	em[1] = 1
	for i := 2; i < size-len(prefix)-len(digest)-1; i++ {
		em[i] = 0xff
	}
	copy(em[size-len(digest)-len(prefix):], prefix)
	copy(em[size-len(digest):], digest)
	return em
}
