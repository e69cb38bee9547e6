package asynctls

import (
	"context"
	"crypto"
	"crypto/tls"
	"strings"
)

// chooser chooses among a configuration's certificates as crypto/tls does. There is no other
// way to bind them, because crypto/tls uses a certificate in tls.Config.Certificates as it is.
type chooser struct {
	certificates []tls.Certificate
	names        map[string]*tls.Certificate
	get          func(*tls.ClientHelloInfo) (*tls.Certificate, error)
	getClient    func(*tls.CertificateRequestInfo) (*tls.Certificate, error)
}

// server is a GetCertificate. If there is no certificate it returns nil, for which crypto/tls
// has an error.
func (c *chooser) server(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	cert, err := c.forServer(hello)
	if err != nil {
		return nil, err
	}
	return bind(cert, hello.Context()), nil
}

func (c *chooser) forServer(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if c.get != nil && (len(c.certificates) == 0 || hello.ServerName != "") {
		if cert, err := c.get(hello); cert != nil || err != nil {
			return cert, err
		}
	}
	switch len(c.certificates) {
	case 0:
		return nil, nil
	case 1:
		return &c.certificates[0], nil
	}
	if c.names != nil {
		name := strings.ToLower(hello.ServerName)
		if cert, ok := c.names[name]; ok {
			return cert, nil
		}
		if name != "" {
			wildcard := "*"
			if _, parent, ok := strings.Cut(name, "."); ok {
				wildcard += "." + parent
			}
			if cert, ok := c.names[wildcard]; ok {
				return cert, nil
			}
		}
	}
	for i := range c.certificates {
		if hello.SupportsCertificate(&c.certificates[i]) == nil {
			return &c.certificates[i], nil
		}
	}
	return &c.certificates[0], nil
}

// client is a GetClientCertificate. It must not return nil; a Certificate without a chain means
// that there is none.
func (c *chooser) client(info *tls.CertificateRequestInfo) (*tls.Certificate, error) {
	if c.getClient != nil {
		cert, err := c.getClient(info)
		if err != nil {
			return nil, err
		}
		return bind(cert, withJob(info.Context())), nil
	}
	for i := range c.certificates {
		if info.SupportsCertificate(&c.certificates[i]) == nil {
			return bind(&c.certificates[i], withJob(info.Context())), nil
		}
	}
	return new(tls.Certificate), nil
}

// contextKey is a private key that can be bound to a context, as those of package engine can.
type contextKey interface {
	WithContext(context.Context) crypto.Signer
}

// bind returns cert with its key bound to ctx, or cert itself if the key cannot be bound.
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
