package main

import (
	"crypto"
	"crypto/rand"
	"net"
	"time"

	gliderlabs "github.com/gliderlabs/ssh"
	"golang.org/x/crypto/ocsp"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

var xcrypto = []check{
	{"golang.org/x/crypto", "ssh host key", func(key crypto.Signer) error {
		keys, err := plainKeys()
		if err != nil {
			return err
		}
		return handshakeSSH(key, keys["P-256"], serveSSH)
	}},
	{"golang.org/x/crypto", "ssh client key", func(key crypto.Signer) error {
		keys, err := plainKeys()
		if err != nil {
			return err
		}
		return handshakeSSH(keys["P-256"], key, serveSSH)
	}},
	{"golang.org/x/crypto", "ssh Certificate.SignCert", func(key crypto.Signer) error {
		authority, err := ssh.NewSignerFromSigner(key)
		if err != nil {
			return err
		}
		cert := &ssh.Certificate{Key: authority.PublicKey(), CertType: ssh.UserCert, ValidPrincipals: []string{"user"}, ValidBefore: ssh.CertTimeInfinity}
		if err := cert.SignCert(rand.Reader, authority); err != nil {
			return err
		}
		return invalid(new(ssh.CertChecker).CheckCert("user", cert))
	}},
	{"golang.org/x/crypto", "ssh/agent NewKeyring().Add", func(key crypto.Signer) error {
		return signByAgent(agent.NewKeyring(), key)
	}},
	{"golang.org/x/crypto", "ssh/agent NewClient().Add", func(key crypto.Signer) error {
		near, far, err := connect()
		if err != nil {
			return err
		}
		defer near.Close()
		defer far.Close()
		go agent.ServeAgent(agent.NewKeyring(), far)
		return signByAgent(agent.NewClient(near), key)
	}},
	{"golang.org/x/crypto", "ocsp CreateResponse", func(key crypto.Signer) error {
		issuer, err := certificate(key)
		if err != nil {
			return err
		}
		der, err := ocsp.CreateResponse(issuer, issuer, ocsp.Response{SerialNumber: issuer.SerialNumber, Status: ocsp.Good, ThisUpdate: time.Now()}, key)
		if err != nil {
			return err
		}
		_, err = ocsp.ParseResponse(der, issuer)
		return invalid(err)
	}},
	{"github.com/gliderlabs/ssh", "Server.HostSigners", func(key crypto.Signer) error {
		return handshakeSSH(key, nil, func(conn net.Conn, host ssh.Signer) error {
			server := &gliderlabs.Server{Handler: func(gliderlabs.Session) {}}
			server.AddHostKey(host)
			server.HandleConn(conn)
			return nil
		})
	}},
}

func serveSSH(conn net.Conn, host ssh.Signer) error {
	server := &ssh.ServerConfig{PublicKeyCallback: func(ssh.ConnMetadata, ssh.PublicKey) (*ssh.Permissions, error) { return nil, nil }}
	server.AddHostKey(host)
	c, _, requests, err := ssh.NewServerConn(conn, server)
	if err != nil {
		return err
	}
	go ssh.DiscardRequests(requests)
	return c.Wait() // until the client is done
}

// handshakeSSH connects to a server that serve serves. The key of the client may be nil.
func handshakeSSH(hostKey, userKey crypto.Signer, serve func(net.Conn, ssh.Signer) error) error {
	host, err := ssh.NewSignerFromSigner(hostKey)
	if err != nil {
		return err
	}
	config := &ssh.ClientConfig{User: "user", HostKeyCallback: ssh.FixedHostKey(host.PublicKey())}
	if userKey != nil {
		user, err := ssh.NewSignerFromSigner(userKey)
		if err != nil {
			return err
		}
		config.Auth = []ssh.AuthMethod{ssh.PublicKeys(user)}
	}
	near, far, err := connect()
	if err != nil {
		return err
	}
	defer far.Close()
	go func() {
		serve(near, host)
		near.Close()
	}()
	c, _, _, err := ssh.NewClientConn(far, "host", config)
	if err != nil {
		return invalid(err)
	}
	return c.Close()
}

func signByAgent(a agent.Agent, key crypto.Signer) error {
	if err := a.Add(agent.AddedKey{PrivateKey: key}); err != nil {
		return err
	}
	public, err := ssh.NewPublicKey(key.Public())
	if err != nil {
		return err
	}
	data := []byte("data")
	sig, err := a.Sign(public, data)
	if err != nil {
		return err
	}
	return invalid(public.Verify(data, sig))
}
