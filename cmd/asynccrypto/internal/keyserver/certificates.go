package keyserver

import (
	"cmp"
	"crypto/tls"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/credentials"

	"asynccrypto/cmd/asynccrypto/internal/eventlog"
	"asynccrypto/cmd/asynccrypto/internal/failure"
	"asynccrypto/cmd/asynccrypto/internal/pemfile"
	"asynccrypto/internal/measure"
	"asynccrypto/remote/keyserver"
)

// certificates has the content of the files of -cert, -key and -client-ca.
type certificates struct {
	o       *options
	current atomic.Pointer[tls.Config] // of new connections
}

// read reads the files, and returns lines for the log. After an error the content of before stays in
// use.
func (c *certificates) read() (lines []string, err error) {
	cert, err := pemfile.ReadCertificate(c.o.cert, c.o.key)
	if err != nil {
		return nil, err
	}
	clients, n, err := pemfile.ReadPool("client-ca", c.o.clientCA)
	if err != nil {
		return nil, err
	}
	c.current.Store(&tls.Config{
		MinVersion:   tls.VersionTLS13,
		Certificates: []tls.Certificate{*cert},
		ClientAuth:   tls.RequireAndVerifyClientCert,
		ClientCAs:    clients,
		// A ticket would outlive the CA that has issued the client's certificate.
		SessionTicketsDisabled: true,
	})
	lines = append(lines, fmt.Sprintf("certificate %s: %s, %s, until %s; client-ca %s: %s", c.o.cert, pemfile.SubjectName(cert.Leaf),
		pemfile.KeyName(cert.Leaf.PublicKey), cert.Leaf.NotAfter.Format(time.DateOnly), c.o.clientCA, measure.Count(n, "CA")))
	if file := cmp.Or(c.o.key, c.o.cert); pemfile.Exposed(file) {
		lines = append(lines, warnExposed([]string{file}))
	}
	if now := time.Now(); now.After(cert.Leaf.NotAfter) || now.Before(cert.Leaf.NotBefore) {
		lines = append(lines, fmt.Sprintf("warning: clients will refuse the certificate: it is valid from %s to %s",
			cert.Leaf.NotBefore.Format(time.DateTime), cert.Leaf.NotAfter.Format(time.DateTime)))
	}
	return lines, nil
}

// credentials returns credentials that give each new connection the content of the files. The server
// bounds the connections of a client.
func (c *certificates) credentials(server *keyserver.Server, log *eventlog.Log) credentials.TransportCredentials {
	return logged{server.Credentials(credentials.NewTLS(&tls.Config{
		MinVersion:         tls.VersionTLS13,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return c.current.Load(), nil },
	})), log}
}

// logged logs the handshakes that fail, which package grpc does not.
type logged struct {
	credentials.TransportCredentials
	log *eventlog.Log
}

// ServerHandshake implements credentials.TransportCredentials.
func (l logged) ServerHandshake(raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	conn, info, err := l.TransportCredentials.ServerHandshake(raw)
	if err != nil {
		l.log.Failed("handshake failed", failure.Peer(raw.RemoteAddr()), failure.Handshake(failure.Cause(err)))
	}
	return conn, info, err
}
