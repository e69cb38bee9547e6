package asynctls

import (
	"context"
	"crypto"
	"crypto/tls"
)

// Config prepares a tls.Config whose keys take part in handshakes as jobs: a copy of c in which each private key that has
// WithContext(context.Context) crypto.Signer is bound to the handshake's context. Call it once for all connections, not
// once for each. The copy is all that net/http needs, over HTTP/1 and HTTP/2:
//
//	http.Server{TLSConfig: asynctls.Config(cfg)}
//
// Which certificate is used is what it would be with c: its Certificates have moved behind GetCertificate and
// GetClientCertificate, which choose as crypto/tls chooses. What c's own GetCertificate, GetClientCertificate and
// GetConfigForClient return is bound as well. Session tickets work as with a Clone: call SetSessionTicketKeys on the copy.
// A nil c gives nil. c must not be changed afterwards.
func Config(c *tls.Config) *tls.Config {
	if c == nil {
		return nil
	}
	p := c.Clone()
	choose := &chooser{
		certificates: c.Certificates,
		names:        c.NameToCertificate, //lint:ignore SA1019 it decides as long as crypto/tls lets it
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
			// Each time anew: the ticket keys of c may have been changed meanwhile, and c may be one of many.
			return Config(c), nil
		}
	}
	return p
}

// contextKey is a private key that can be bound to a context, as those of package engine.
type contextKey interface {
	WithContext(context.Context) crypto.Signer
}

// bind returns cert with its key bound to ctx, cert itself if it has none to bind.
func bind(cert *tls.Certificate, ctx context.Context) *tls.Certificate {
	if cert == nil {
		return nil
	}
	key, ok := cert.PrivateKey.(contextKey)
	if !ok {
		return cert
	}
	bound := *cert
	bound.PrivateKey = key.WithContext(ctx)
	return &bound
}
