package sign

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"encoding/binary"
	"errors"
	"time"

	"asynccrypto/internal/ifma"
)

// kernel is the arithmetic alone, eight lanes at a time and checked with the public exponent as
// always. The engine costs the difference between its rate and that of jobs through the engine.
type kernel struct {
	keys []*keyed
	work *ifma.Workspace
	lane []*ifma.Key
}

func newKernel(keys []*keyed) (*kernel, error) {
	k := &kernel{keys: keys}
	var err error
	if k.work, err = ifma.NewWorkspace(keys[0].rsa.Size()); err != nil {
		return nil, err
	}
	for _, one := range keys {
		p := one.rsa.Precomputed
		lane, err := ifma.NewKey(one.rsa.N.Bytes(), one.rsa.E, one.rsa.Primes[0].Bytes(), one.rsa.Primes[1].Bytes(),
			p.Dp.Bytes(), p.Dq.Bytes(), p.Qinv.Bytes())
		if err != nil {
			return nil, err
		}
		k.lane = append(k.lane, lane)
	}
	return k, nil
}

func (k *kernel) run(number func() uint64, d time.Duration) (all tally, err error) {
	size := k.work.Size()
	var lanes [ifma.MaxBatch]*ifma.Key
	var numbers [ifma.MaxBatch]uint64
	var data [ifma.MaxBatch][]byte
	for until := time.Now().Add(d); time.Now().Before(until); {
		for l := range lanes {
			numbers[l] = number()
			lanes[l] = k.lane[numbers[l]%uint64(len(k.lane))]
			data[l] = padded(size, numbers[l])
		}
		if k.work.Sign(&lanes, &data, &data, ifma.MaxBatch) != 1<<ifma.MaxBatch-1 {
			return nil, errors.New("the kernels' own check failed")
		}
		for l, n := range numbers {
			public := &k.keys[n%uint64(len(k.keys))].rsa.PublicKey
			verify := func(n uint64, sig []byte) error { return rsa.VerifyPKCS1v15(public, crypto.SHA256, digestOf(n), sig) }
			all = append(all, done{n, verify, data[l]})
		}
	}
	return all, nil
}

// digestOf returns input n, no two alike. It takes the place of a digest; that it is not one
// makes no difference.
func digestOf(n uint64) []byte {
	d := bytes.Repeat([]byte{0xa5}, crypto.SHA256.Size())
	binary.BigEndian.PutUint64(d, n)
	return d
}

// padded returns input n in PKCS #1 v1.5's padding (RFC 8017, section 9.2) for SHA-256.
func padded(size int, n uint64) []byte {
	digest := digestOf(n)
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
