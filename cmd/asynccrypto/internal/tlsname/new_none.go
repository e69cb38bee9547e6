//go:build !go1.27

package tlsname

// newKeyExchanges is empty: this Go is older.
var newKeyExchanges []KeyExchange
