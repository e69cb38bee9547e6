package jose_test

import (
	"testing"

	"asynccrypto/internal/jws/jwstest"
	asyncjose "asynccrypto/interop/jose"
)

// BenchmarkVerify measures the whole of jwt.ParseSigned and Claims, with go-jose alone and with
// wrapped keys:
//
//	go test -bench . -cpu 1
func BenchmarkVerify(b *testing.B) {
	for _, bm := range jwstest.Benchmarks {
		b.Run(bm.Name, func(b *testing.B) {
			_, wrapped := jwstest.Wrap(b, bm.Key)
			token, plain, verifier := sign(b, bm.Alg, jwstest.Key(bm.Key)), jwstest.Key(bm.Key).Public(), asyncjose.NewVerifier(wrapped)
			jwstest.Compare(b, func() error { return verify(token, plain) }, func() error { return verify(token, verifier) })
		})
	}
}
