module asynccrypto/examples/jwt

go 1.26.0

require (
	asynccrypto v0.0.0
	github.com/golang-jwt/jwt/v5 v5.3.1
)

require (
	asynccrypto/interop/golangjwt v0.0.0
	golang.org/x/sys v0.49.0 // indirect
)

replace asynccrypto => ../..

replace asynccrypto/interop/golangjwt => ../../interop/golangjwt
