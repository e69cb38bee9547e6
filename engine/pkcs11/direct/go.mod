module asynccrypto/engine/pkcs11/direct

go 1.26.0

require (
	asynccrypto v0.0.0
	github.com/ebitengine/purego v0.11.3
	golang.org/x/sys v0.49.0
)

replace asynccrypto => ../../..
