module asynccrypto/bench/internal/pkcs11/inprocess

go 1.26.0

require (
	asynccrypto v0.0.0
	asynccrypto/bench v0.0.0
	asynccrypto/engine/pkcs11/direct v0.0.0
	github.com/ThalesGroup/crypto11 v1.6.2
	github.com/miekg/pkcs11 v1.1.2
)

require (
	github.com/ebitengine/purego v0.11.3 // indirect
	github.com/pkg/errors v0.9.1 // indirect
	github.com/thales-e-security/pool v0.0.2 // indirect
	golang.org/x/sys v0.49.0 // indirect
)

replace (
	asynccrypto => ../../../..
	asynccrypto/bench => ../../..
	asynccrypto/engine/pkcs11/direct => ../../../../engine/pkcs11/direct
)
