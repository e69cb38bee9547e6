package multibuffer

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"os"
	"sync"
)

// Thorough reports whether the tests are to do every repetition, as CI does. By default they do
// fewer, and use published keys, because making large keys would take most of their time.
var Thorough = os.Getenv("CI") == "true"

// RSAKeys returns the keys of all tests, by the length of the modulus: at least three of 2048
// bits, and one each of 3072 and 4096. They are Project Wycheproof's, or new ones if Thorough.
var RSAKeys = sync.OnceValue(func() map[int][]*rsa.PrivateKey {
	if Thorough {
		return newKeys(map[int]int{2048: 3, 3072: 1, 4096: 1})
	}
	return publishedKeys("testdata/wycheproof_siggen.json")
})

// LeastOf returns how many operations of a kind are computed in lanes: fewer are left to the
// standard library, and without lanes all are.
func LeastOf(name string) int {
	if ok, _ := Supported(); ok {
		for _, k := range kinds {
			if k.name == name {
				return k.least
			}
		}
	}
	return 1 << 30
}

// AnyKey returns a key in the form in which a pass takes unprepared keys.
func AnyKey(pub crypto.PublicKey) any { return anyKey(appendID(nil, pub)) }

func newKeys(numbers map[int]int) map[int][]*rsa.PrivateKey {
	keys := make(map[int][]*rsa.PrivateKey)
	for bits, n := range numbers {
		for range n {
			k, err := rsa.GenerateKey(rand.Reader, bits)
			if err != nil {
				panic(err)
			}
			keys[bits] = append(keys[bits], k)
		}
	}
	return keys
}

// publishedKeys returns the keys of the file that the kernels accept: those with primes of equal
// length.
func publishedKeys(path string) map[int][]*rsa.PrivateKey {
	data, err := os.ReadFile(path)
	if err != nil {
		panic(err)
	}
	var file struct {
		Groups []struct{ PKCS8 string }
	}
	if err := json.Unmarshal(data, &file); err != nil {
		panic(err)
	}
	keys := make(map[int][]*rsa.PrivateKey)
	for _, g := range file.Groups {
		der, err := hex.DecodeString(g.PKCS8)
		if err != nil {
			panic(err)
		}
		parsed, err := x509.ParsePKCS8PrivateKey(der)
		if err != nil {
			panic(err)
		}
		k := parsed.(*rsa.PrivateKey)
		if bits := k.N.BitLen(); k.Primes[0].BitLen() == bits/2 && k.Primes[1].BitLen() == bits/2 {
			keys[bits] = append(keys[bits], k)
		}
	}
	return keys
}
