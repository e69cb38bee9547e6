package ops

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"math/big"
	"runtime"
	"sync"

	"asynccrypto/internal/measure"
)

// KeySet holds RSA keys as PKCS #8, by openssl's name of the algorithm. The keys of other
// algorithms take no time to make: each process makes its own.
type KeySet map[string][][]byte

// MakeKeys makes n RSA keys of each size. It makes only as many primes as have n pairs, and
// every pair is a key: to make 64 RSA-4096 keys one by one would take a minute. No operation
// can tell the difference. Never use such keys for anything: anybody who has two public keys
// with a common prime has both private keys.
func MakeKeys(ctx context.Context, sizes []int, n int, p *measure.Progress) (KeySet, error) {
	set := KeySet{}
	for _, bits := range sizes {
		name := fmt.Sprintf("rsa%d", bits)
		p.Show("making the primes of %d keys: %s", n, name)
		primes, err := makePrimes(ctx, bits, n)
		if err != nil {
			return nil, fmt.Errorf("%s: no keys: %w", name, err)
		}
		for i := range primes {
			for j := range i {
				if len(set[name]) == n {
					break
				}
				key, err := keyOf(primes[i], primes[j])
				if err != nil {
					return nil, fmt.Errorf("%s: a key of two primes: %w", name, err)
				}
				set[name] = append(set[name], key)
			}
		}
	}
	return set, nil
}

// makePrimes makes enough primes for n pairs, on all cores, two at a time as crypto/rsa makes them.
func makePrimes(ctx context.Context, bits, n int) ([]*big.Int, error) {
	pairs := 1
	for 2*pairs*(2*pairs-1)/2 < n {
		pairs++
	}
	var mu sync.Mutex
	var primes []*big.Int
	var failed error
	var all sync.WaitGroup
	free := make(chan struct{}, runtime.GOMAXPROCS(0))
	for range pairs {
		free <- struct{}{}
		all.Go(func() {
			defer func() { <-free }()
			err := ctx.Err()
			var key *rsa.PrivateKey
			if err == nil {
				key, err = rsa.GenerateKey(rand.Reader, bits)
			}
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failed = err
				return
			}
			primes = append(primes, key.Primes...)
		})
	}
	all.Wait()
	return primes, failed
}

func keyOf(p, q *big.Int) ([]byte, error) {
	const e = 65537
	one := big.NewInt(1)
	phi := new(big.Int).Mul(new(big.Int).Sub(p, one), new(big.Int).Sub(q, one))
	key := &rsa.PrivateKey{
		PublicKey: rsa.PublicKey{N: new(big.Int).Mul(p, q), E: e},
		D:         new(big.Int).ModInverse(big.NewInt(e), phi),
		Primes:    []*big.Int{p, q},
	}
	key.Precompute()
	if err := key.Validate(); err != nil {
		return nil, err
	}
	return x509.MarshalPKCS8PrivateKey(key)
}
