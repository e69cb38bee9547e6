package main

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/quic-go/quic-go"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
)

// limit ends a handshake that hangs.
const limit = time.Minute

// connect returns the two ends of a connection. Not net.Pipe's: that has no buffer, so two sides
// that both write would wait for ever.
func connect() (near, far net.Conn, err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	defer listener.Close()
	far, err = net.Dial("tcp", listener.Addr().String())
	if err != nil {
		return nil, nil, err
	}
	near, err = listener.Accept()
	if err != nil {
		far.Close()
		return nil, nil, err
	}
	deadline := time.Now().Add(limit)
	return near, far, errors.Join(near.SetDeadline(deadline), far.SetDeadline(deadline))
}

var transports = []check{
	{"crypto/tls", "server, TLS 1.2", func(key crypto.Signer) error { return handshakeTLS(key, nil, tls.VersionTLS12) }},
	{"crypto/tls", "server, TLS 1.3", func(key crypto.Signer) error { return handshakeTLS(key, nil, tls.VersionTLS13) }},
	{"crypto/tls", "client's certificate", func(key crypto.Signer) error { return handshakeTLS(nil, key, tls.VersionTLS13) }},
	{"github.com/quic-go/quic-go", "server", handshakeQUIC},
	{"github.com/pion/dtls/v3", "server", handshakeDTLS},
	{"google.golang.org/grpc", "credentials.NewTLS", handshakeGRPC},
}

// configs returns the configurations of a server with the key and of a client that trusts it.
func configs(key crypto.Signer) (server, client *tls.Config, err error) {
	cert, err := certificate(key)
	if err != nil {
		return nil, nil, err
	}
	roots := x509.NewCertPool()
	roots.AddCert(cert)
	server = &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{cert.Raw}, PrivateKey: key, Leaf: cert}},
		ClientCAs:    roots, NextProtos: []string{"try", "h2"},
	}
	return server, &tls.Config{RootCAs: roots, ServerName: "host", NextProtos: []string{"try"}}, nil
}

// handshakeTLS tries one of the keys; the other side has a plain key.
func handshakeTLS(serverKey, clientKey crypto.Signer, version uint16) error {
	keys, err := plainKeys()
	if err != nil {
		return err
	}
	mutual := clientKey != nil
	if serverKey == nil {
		serverKey = keys["P-256"]
	}
	server, client, err := configs(serverKey)
	if err != nil {
		return err
	}
	server.MinVersion, server.MaxVersion, server.SessionTicketsDisabled = version, version, true
	if mutual {
		theirs, _, err := configs(clientKey)
		if err != nil {
			return err
		}
		client.Certificates = theirs.Certificates
		server.ClientAuth, server.ClientCAs = tls.RequireAndVerifyClientCert, theirs.ClientCAs
	}
	near, far, err := connect()
	if err != nil {
		return err
	}
	defer near.Close()
	defer far.Close()
	served := make(chan error, 1)
	go func() {
		err := tls.Server(near, server).Handshake()
		near.Close()
		served <- err
	}()
	c := tls.Client(far, client)
	clientErr := c.Handshake()
	if clientErr == nil && mutual { // in TLS 1.3 the client learns the server's answer later
		if _, clientErr = c.Read(make([]byte, 1)); clientErr != nil {
			clientErr = nil // either the alert or the end
		}
	}
	far.Close()
	serverErr := <-served
	if mutual {
		if clientErr != nil {
			return clientErr
		}
		return invalid(serverErr)
	}
	return side(serverErr, clientErr)
}

// side returns the error of a handshake: the client's, as the judge of the signature, unless the
// server has failed on its own.
func side(server, client error) error {
	if _, remote := errors.AsType[*net.OpError](server); server != nil && !remote {
		return server
	}
	return invalid(client)
}

func handshakeQUIC(key crypto.Signer) error {
	server, client, err := configs(key)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	listener, err := quic.ListenAddr("127.0.0.1:0", server, nil)
	if err != nil {
		return err
	}
	defer listener.Close()
	conn, err := quic.DialAddr(ctx, listener.Addr().String(), client, nil)
	if err != nil {
		return invalid(err)
	}
	return conn.CloseWithError(0, "")
}

func handshakeDTLS(key crypto.Signer) error {
	server, client, err := configs(key)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	listener, err := dtls.ListenWithOptions("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}, dtls.WithCertificates(server.Certificates...))
	if err != nil {
		return err
	}
	defer listener.Close()
	served := make(chan error, 1)
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			served <- err
			return
		}
		err = conn.(*dtls.Conn).HandshakeContext(ctx)
		served <- err
		conn.Close()
	}()
	conn, err := dtls.DialWithOptions("udp", listener.Addr().(*net.UDPAddr), dtls.WithRootCAs(client.RootCAs), dtls.WithServerName("host"))
	if err != nil {
		return err
	}
	defer conn.Close()
	return invalid(conn.HandshakeContext(ctx))
}

func handshakeGRPC(key crypto.Signer) error {
	server, client, err := configs(key)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s := grpc.NewServer(grpc.Creds(credentials.NewTLS(server)))
	defer s.Stop()
	healthpb.RegisterHealthServer(s, health.NewServer())
	go s.Serve(listener)
	conn, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(credentials.NewTLS(client)))
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = healthpb.NewHealthClient(conn).Check(ctx, &healthpb.HealthCheckRequest{})
	return invalid(err)
}

var certificates = []check{
	{"crypto/x509", "CreateCertificate", func(key crypto.Signer) error {
		der, err := x509.CreateCertificate(rand.Reader, template(), template(), key.Public(), key)
		if err != nil {
			return err
		}
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return err
		}
		return invalid(cert.CheckSignatureFrom(cert))
	}},
	{"crypto/x509", "CreateCertificateRequest", func(key crypto.Signer) error {
		der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{DNSNames: []string{"host"}}, key)
		if err != nil {
			return err
		}
		request, err := x509.ParseCertificateRequest(der)
		if err != nil {
			return err
		}
		return invalid(request.CheckSignature())
	}},
	{"crypto/x509", "CreateRevocationList", func(key crypto.Signer) error {
		issuer, err := certificate(key)
		if err != nil {
			return err
		}
		der, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{Number: issuer.SerialNumber, ThisUpdate: issuer.NotBefore, NextUpdate: issuer.NotAfter}, issuer, key)
		if err != nil {
			return err
		}
		list, err := x509.ParseRevocationList(der)
		if err != nil {
			return err
		}
		return invalid(list.CheckSignatureFrom(issuer))
	}},
	{"crypto/x509", "MarshalPKCS8PrivateKey", func(key crypto.Signer) error {
		_, err := x509.MarshalPKCS8PrivateKey(key)
		return err
	}},
}

// equal returns an error unless both are the same.
func equal(got, want []byte) error {
	if !bytes.Equal(got, want) {
		return errors.New("the payload is another one")
	}
	return nil
}
