//go:build go1.27

package tlsname

import "crypto/tls"

// newKeyExchanges are those that crypto/tls has only since Go 1.27.
var newKeyExchanges = []KeyExchange{{"MLKEM1024", tls.MLKEM1024, true}}
