module asynccrypto/cmd/asynccrypto

go 1.26.0

require (
	asynccrypto v0.0.0
	golang.org/x/sys v0.49.0
)

require (
	github.com/rogpeppe/go-internal v1.16.0 // indirect
	golang.org/x/term v0.47.0 // indirect
)

replace asynccrypto => ../..
