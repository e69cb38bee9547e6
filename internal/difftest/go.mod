module asynccrypto/internal/difftest

go 1.26.0

require (
	asynccrypto v0.0.0
	github.com/ebitengine/purego v0.11.1
)

replace asynccrypto => ../..
