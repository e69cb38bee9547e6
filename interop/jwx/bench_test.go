package jwx_test

import (
	"testing"

	"asynccrypto/internal/jws/jwstest"
)

// BenchmarkParse measures the whole of jwt.Parse, with jwx alone and with wrapped keys:
//
//	go test -bench . -cpu 1
func BenchmarkParse(b *testing.B) {
	for _, bm := range jwstest.Benchmarks {
		b.Run(bm.Name, func(b *testing.B) {
			_, verifier := jwstest.Wrap(b, bm.Key)
			token, alg, public := plain(b, bm.Alg, bm.Key), algorithm(b, bm.Alg), jwstest.Key(bm.Key).Public()
			jwstest.Compare(b, func() error { return verify(token, alg, public) }, func() error { return verify(token, alg, verifier) })
		})
	}
}
