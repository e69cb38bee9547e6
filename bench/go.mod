module asynccrypto/bench

go 1.26.0

require (
	asynccrypto v0.0.0
	golang.org/x/sys v0.49.0
)

replace asynccrypto => ..
