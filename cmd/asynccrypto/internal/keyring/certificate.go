package keyring

import (
	"cmp"
	"crypto/tls"
	"errors"
	"log/slog"
	"strings"
	"sync"

	"asynccrypto/cmd/asynccrypto/internal/cli"
	"asynccrypto/cmd/asynccrypto/internal/keyuri"
	"asynccrypto/cmd/asynccrypto/internal/pemfile"
	"asynccrypto/remote"
)

// RemoteConfig returns the configuration of package remote for the servers of a URI. The files of the
// certificate are read again for each connection, and that of the CAs is not. Without a logger nothing
// is logged. Errors are usage errors.
func RemoteConfig(uri *keyuri.URI, logger *slog.Logger) (remote.Config, error) {
	c := remote.Config{Nodes: uri.Nodes, Logger: cmp.Or(logger, slog.New(slog.DiscardHandler))}
	if uri.Cert == "" {
		return c, nil
	}
	cert := &clientCertificate{uri: uri, logger: c.Logger}
	var err error
	if cert.last, err = pemfile.ReadCertificate(uri.Cert, uri.Key); err != nil {
		return c, err
	}
	roots, _, err := pemfile.ReadPool("ca", uri.CA)
	if err != nil {
		return c, cli.Usagef("%w", errors.New(strings.TrimPrefix(err.Error(), "-")))
	}
	c.TLS = &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: roots, GetClientCertificate: cert.get}
	return c, nil
}

// clientCertificate is the certificate that this client shows, with its key.
type clientCertificate struct {
	uri    *keyuri.URI
	logger *slog.Logger

	mu   sync.Mutex
	last *tls.Certificate
}

// get is a GetClientCertificate of crypto/tls. While the files can't be used, it returns their content
// of before.
func (c *clientCertificate) get(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
	cert, err := pemfile.ReadCertificate(c.uri.Cert, c.uri.Key)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		c.logger.Warn("the certificate for key servers stays as it was", "error", err)
		return c.last, nil
	}
	c.last = cert
	return cert, nil
}
