module asynccrypto/interop/jose

go 1.26.0

require (
	asynccrypto v0.0.0
	github.com/go-jose/go-jose/v4 v4.1.9
)

require golang.org/x/sys v0.49.0 // indirect

replace asynccrypto => ../..
