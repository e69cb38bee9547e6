package serve

import (
	"crypto/tls"

	"asynccrypto/async"
	"asynccrypto/asynctls"
	"asynccrypto/cmd/asynccrypto/internal/tlsname"
)

// try makes a handshake in memory with the certificate, and with a client that trusts any. It
// returns the server's error if there is no such client: for keys that TLS has no signature for, or
// that are too short for one. refused is the error of a client that does not take the certificate,
// which others may take. The version is that of -tls. The key is the file's own, not yet
// the engine's, so that the engine's figures begin at 0.
func try(cert *tls.Certificate, version string) (refused, err error) {
	pool, err := async.NewPool(2, 0)
	if err != nil {
		return nil, err
	}
	defer pool.Close()
	o := &asynctls.Options{Pool: pool, HandshakeTimeout: -1}
	config := &tls.Config{Certificates: []tls.Certificate{*cert}, MinVersion: tls.VersionTLS12, SessionTicketsDisabled: true}
	if err := tlsname.SetVersion(config, version); err != nil {
		return nil, err
	}
	var toServer, toClient asynctls.Buffers
	server := asynctls.NewServerConn(&toServer, asynctls.Config(config), o)
	defer server.Abort()
	client := asynctls.NewClientConn(&toClient, &tls.Config{InsecureSkipVerify: true}, o)
	defer client.Abort()
	for {
		refused = client.Handshake()
		pass(&toClient, &toServer)
		err = server.Handshake()
		pass(&toServer, &toClient)
		if refused != nil && !asynctls.Wants(refused) {
			return refused, nil
		}
		switch {
		case err == nil && refused == nil:
			return nil, nil
		case err != nil && !asynctls.Wants(err):
			return nil, err
		}
	}
}

// pass moves the output of one end to the other.
func pass(from, to *asynctls.Buffers) {
	to.Feed(from.Out())
	from.Discard(len(from.Out()))
}
