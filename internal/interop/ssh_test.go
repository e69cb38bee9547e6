package interop

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"net"
	"testing"

	"golang.org/x/crypto/ssh"
)

// A handshake in which both sides sign: the server with its host key, the client to authenticate
// itself.
func TestSSH(t *testing.T) {
	for _, algorithm := range []string{ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSASHA512} {
		t.Run(algorithm, func(t *testing.T) {
			throughLanes(t, 2, func() { handshakeSSH(t, algorithm, wrap(t, keys()[3072]), wrap(t, keys()[2048])) })
		})
	}
}

func handshakeSSH(t *testing.T, algorithm string, hostKey, userKey crypto.Signer) {
	signer := func(key crypto.Signer) ssh.Signer {
		s, err := ssh.NewSignerFromSigner(key)
		if err != nil {
			t.Fatal(err)
		}
		only, err := ssh.NewSignerWithAlgorithms(s.(ssh.AlgorithmSigner), []string{algorithm})
		if err != nil {
			t.Fatal(err)
		}
		return only
	}
	host, user := signer(hostKey), signer(userKey)

	server := &ssh.ServerConfig{
		PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			if string(key.Marshal()) != string(user.PublicKey().Marshal()) {
				return nil, errors.New("a stranger")
			}
			return nil, nil
		},
	}
	server.AddHostKey(host)
	// Not net.Pipe: both sides begin by writing, and it has no buffer.
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	served := make(chan error, 1)
	go func() {
		c, err := listener.Accept()
		if err != nil {
			served <- err
			return
		}
		conn, _, _, err := ssh.NewServerConn(c, server)
		if err == nil {
			conn.Close()
		}
		c.Close()
		served <- err
	}()

	c, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	conn, _, _, err := ssh.NewClientConn(c, "host", &ssh.ClientConfig{
		User:            "user",
		Auth:            []ssh.AuthMethod{ssh.PublicKeys(user)},
		HostKeyCallback: ssh.FixedHostKey(host.PublicKey()),
	})
	if err != nil {
		t.Error(err)
	} else {
		conn.Close()
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
}

// A certificate for SSH, signed by an authority whose key is wrapped.
func TestSSHCertificate(t *testing.T) {
	throughLanes(t, 1, func() {
		authority, err := ssh.NewSignerFromSigner(wrap(t, keys()[4096]))
		if err != nil {
			t.Fatal(err)
		}
		public, _, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		subject, err := ssh.NewPublicKey(public)
		if err != nil {
			t.Fatal(err)
		}
		cert := &ssh.Certificate{Key: subject, CertType: ssh.UserCert, ValidPrincipals: []string{"user"}, ValidBefore: ssh.CertTimeInfinity}
		if err := cert.SignCert(rand.Reader, authority); err != nil {
			t.Fatal(err)
		}
		if err := new(ssh.CertChecker).CheckCert("user", cert); err != nil {
			t.Error(err)
		}
	})
}
