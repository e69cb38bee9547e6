package keys

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net"
	"time"
)

// keyName is the name of the key on the nodes, and clientName that of the client in its certificate.
const (
	keyName    = "key"
	clientName = "client"
	nodeName   = "node"
)

// cases is how many digests are signed.
const cases = 64

// material has the needs of nodes and clients: the key, certificates, and digests with the only right
// signature of each, as PKCS #1 v1.5 has no salt.
type material struct {
	key, public         []byte // PKCS #8, SubjectPublicKeyInfo
	roots               []byte // the certificate of the authority
	node, client        identity
	digests, signatures [][]byte
}

// identity is a certificate with its key, in DER.
type identity struct {
	Cert []byte `json:"cert"`
	Key  []byte `json:"key"`
}

func newMaterial() (m material, err error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return m, err
	}
	if m.key, err = x509.MarshalPKCS8PrivateKey(key); err != nil {
		return m, err
	}
	if m.public, err = x509.MarshalPKIXPublicKey(key.Public()); err != nil {
		return m, err
	}
	for range cases {
		digest := make([]byte, crypto.SHA256.Size())
		rand.Read(digest)
		signature, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, digest)
		if err != nil {
			return m, err
		}
		m.digests, m.signatures = append(m.digests, digest), append(m.signatures, signature)
	}
	return m, m.certify()
}

// certify makes the authority and the certificates.
func (m *material) certify() error {
	authority, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	root := template("authority")
	root.IsCA, root.BasicConstraintsValid, root.KeyUsage = true, true, x509.KeyUsageCertSign
	if m.roots, err = x509.CreateCertificate(rand.Reader, root, root, authority.Public(), authority); err != nil {
		return err
	}
	issue := func(name string) (id identity, err error) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return id, err
		}
		if id.Key, err = x509.MarshalPKCS8PrivateKey(key); err != nil {
			return id, err
		}
		leaf := template(name)
		leaf.DNSNames, leaf.IPAddresses = []string{name}, []net.IP{net.IPv4(127, 0, 0, 1)}
		id.Cert, err = x509.CreateCertificate(rand.Reader, leaf, root, key.Public(), authority)
		return id, err
	}
	if m.node, err = issue(nodeName); err != nil {
		return err
	}
	m.client, err = issue(clientName)
	return err
}

func template(name string) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(24 * time.Hour),
	}
}

// mutual returns the configuration of mutual TLS 1.3 for either side.
func (id identity) mutual(roots []byte) (*tls.Config, error) {
	key, err := x509.ParsePKCS8PrivateKey(id.Key)
	if err != nil {
		return nil, err
	}
	root, err := x509.ParseCertificate(roots)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AddCert(root)
	return &tls.Config{
		MinVersion:   tls.VersionTLS13,
		Certificates: []tls.Certificate{{Certificate: [][]byte{id.Cert}, PrivateKey: key}},
		RootCAs:      pool,
		ClientCAs:    pool,
		ClientAuth:   tls.RequireAndVerifyClientCert,
		ServerName:   nodeName,
	}, nil
}

// privateKey parses the key, as a signer.
func privateKey(pkcs8 []byte) (crypto.Signer, error) {
	key, err := x509.ParsePKCS8PrivateKey(pkcs8)
	if err != nil {
		return nil, err
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, errors.New("the key cannot sign")
	}
	return signer, nil
}
