package handshakes

import (
	"crypto/tls"
	"strings"

	"asynccrypto/cmd/asynccrypto/internal/cli"
	"asynccrypto/cmd/asynccrypto/internal/pemfile"
	"asynccrypto/cmd/asynccrypto/internal/tlsname"
)

// offer holds the options about TLS: the choices that the client offers and accepts.
type offer struct {
	version    string
	curve      string
	cipher     string
	serverName string
	ca         string
	insecure   bool
	cert, key  string
	alpn       string
}

func (o *offer) flags(f *cli.Flags) {
	f.String(&o.version, "tls", "1.2|1.3", "only this version (default both)")
	f.String(&o.curve, "curve", "NAME", "only this key exchange: "+keyExchangeNames()+" (default Go's choice). With "+
		"TLS 1.2 many servers want their ECDSA certificate to be on this curve too")
	f.String(&o.cipher, "cipher", "NAME", "only this cipher suite, with TLS 1.2, by a name such as TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256")
	f.String(&o.alpn, "alpn", "LIST", "application protocols, such as h2,http/1.1")
	f.String(&o.serverName, "servername", "NAME", "the name to ask for, and to expect in the certificate (default HOST; localhost for unix:PATH)")
	f.String(&o.ca, "ca", "FILE.pem", "trust these certificates (default the system's)")
	f.Bool(&o.insecure, "insecure", "accept any certificate")
	f.String(&o.cert, "cert", "FILE.pem", "a client certificate, sent if the server asks for one")
	f.String(&o.key, "key", "FILE.pem", "its private key (default in the certificate's file)")
}

func keyExchangeNames() string {
	var names []string
	for _, k := range tlsname.KeyExchanges {
		names = append(names, k.Name)
	}
	return strings.Join(names, ", ")
}

// config returns the offer as crypto/tls takes it. Errors are usage errors.
func (o *offer) config(server address) (*tls.Config, error) {
	c := &tls.Config{ServerName: server.host, MinVersion: tls.VersionTLS12, InsecureSkipVerify: o.insecure}
	if o.serverName != "" {
		c.ServerName = o.serverName
	}
	if o.alpn != "" {
		var err error
		if c.NextProtos, err = tlsname.ParseALPN(o.alpn); err != nil {
			return nil, cli.Usagef("-alpn %q: %w", o.alpn, err)
		}
	}
	for _, set := range []func(*tls.Config) error{o.setVersion, o.setCurve, o.setRoots, o.setCertificate} {
		if err := set(c); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// setVersion applies -tls, and -cipher, which implies TLS 1.2.
func (o *offer) setVersion(c *tls.Config) error {
	if err := tlsname.SetVersion(c, o.version); err != nil {
		return err
	}
	if o.cipher == "" {
		return nil
	}
	if o.version == "1.3" {
		return cli.Usagef("-cipher is for TLS 1.2; crypto/tls makes the choice in TLS 1.3 itself")
	}
	var names []string
	for _, s := range tls.CipherSuites() {
		if s.SupportedVersions[0] > tls.VersionTLS12 {
			continue
		}
		if strings.EqualFold(s.Name, o.cipher) {
			c.CipherSuites = []uint16{s.ID}
			c.MaxVersion = tls.VersionTLS12
			return nil
		}
		names = append(names, s.Name)
	}
	return cli.Usagef("unknown cipher %q; there are %s", o.cipher, strings.Join(names, ", "))
}

func (o *offer) setCurve(c *tls.Config) error {
	if o.curve == "" {
		return nil
	}
	k, err := tlsname.FindKeyExchange(o.curve)
	if err != nil {
		return err
	}
	if k.Only13 {
		if c.MaxVersion == tls.VersionTLS12 {
			return cli.Usagef("-curve %s is for TLS 1.3, and TLS 1.2 was asked for", k.Name)
		}
		c.MinVersion = tls.VersionTLS13 // with TLS 1.2 the client would have no key exchange to offer
	}
	c.CurvePreferences = []tls.CurveID{k.ID}
	return nil
}

func (o *offer) setRoots(c *tls.Config) (err error) {
	if o.ca == "" {
		return nil
	}
	if o.insecure {
		return cli.Usagef("-ca and -insecure exclude each other")
	}
	c.RootCAs, _, err = pemfile.ReadPool("ca", o.ca)
	return err
}

// setCertificate applies -cert and -key. A server that asks for a certificate gets this one,
// whichever issuers it says it accepts: if it refuses, the report shows its own refusal.
func (o *offer) setCertificate(c *tls.Config) error {
	if o.cert == "" {
		if o.key != "" {
			return cli.Usagef("-key without a certificate; give one with -cert FILE")
		}
		return nil
	}
	cert, err := pemfile.ReadCertificate(o.cert, o.key)
	if err != nil {
		return err
	}
	c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return cert, nil }
	return nil
}
