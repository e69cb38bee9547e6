package asynctls

import "crypto/tls"

// Config returns a copy of c in which every private key with a method WithContext(context.Context)
// crypto.Signer is bound to the context of its handshake, so that its signatures can run in jobs.
// Call Config once for all connections, not once for each. net/http needs nothing else, for HTTP/1
// and HTTP/2:
//
//	http.Server{TLSConfig: asynctls.Config(cfg)}
//
// The copy chooses the certificates that c would choose: Certificates are moved behind
// GetCertificate and GetClientCertificate, which choose as crypto/tls does. Certificates that
// c's own GetCertificate, GetClientCertificate and GetConfigForClient return are bound as well.
// Session tickets work as with a Clone: call SetSessionTicketKeys on the copy. For a nil c
// Config returns nil. Do not change c afterwards.
func Config(c *tls.Config) *tls.Config {
	if c == nil {
		return nil
	}
	p := c.Clone()
	choose := &chooser{
		certificates: c.Certificates,
		names:        c.NameToCertificate, //lint:ignore SA1019 crypto/tls still honours it
		get:          c.GetCertificate,
		getClient:    c.GetClientCertificate,
	}
	p.Certificates, p.NameToCertificate = nil, nil //lint:ignore SA1019 as above
	if len(c.Certificates) > 0 || c.GetCertificate != nil {
		p.GetCertificate = choose.server
	}
	if len(c.Certificates) > 0 || c.GetClientCertificate != nil {
		p.GetClientCertificate = choose.client
	}
	if get := c.GetConfigForClient; get != nil {
		p.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			c, err := get(hello)
			if c == nil || err != nil {
				return c, err
			}
			// Not cached: get may return many configurations, and change the ticket keys of one
			// between two calls.
			return Config(c), nil
		}
	}
	return p
}
