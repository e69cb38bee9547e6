// Package tlsserver serves TLS connections by the ten thousand on a few event loops. Handshakes run as jobs
// ([asynccrypto/async]), so that private keys may be an engine's, and open connections need no goroutine.
package tlsserver
