package main

import (
	"crypto/tls"
	"crypto/x509"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
)

// tlsOptions are the options of handshakes that say what the client offers and what it accepts.
type tlsOptions struct {
	version    string
	curve      string
	cipher     string
	serverName string
	ca         string
	insecure   bool
	cert, key  string
	alpn       string
}

func (o *tlsOptions) flags(fs *flag.FlagSet) {
	fs.StringVar(&o.version, "tls", "", "")
	fs.StringVar(&o.curve, "curve", "", "")
	fs.StringVar(&o.cipher, "cipher", "", "")
	fs.StringVar(&o.serverName, "servername", "", "")
	fs.StringVar(&o.ca, "ca", "", "")
	fs.BoolVar(&o.insecure, "insecure", false, "")
	fs.StringVar(&o.cert, "cert", "", "")
	fs.StringVar(&o.key, "key", "", "")
	fs.StringVar(&o.alpn, "alpn", "", "")
}

// curves are the key exchanges of crypto/tls, by the names that -curve takes.
var curves = []struct {
	name   string
	id     tls.CurveID
	only13 bool
}{
	{"X25519", tls.X25519, false},
	{"P-256", tls.CurveP256, false},
	{"P-384", tls.CurveP384, false},
	{"P-521", tls.CurveP521, false},
	{"X25519MLKEM768", tls.X25519MLKEM768, true},
	{"SecP256r1MLKEM768", tls.SecP256r1MLKEM768, true},
	{"SecP384r1MLKEM1024", tls.SecP384r1MLKEM1024, true},
}

func curveName(id tls.CurveID) string {
	for _, c := range curves {
		if c.id == id {
			return c.name
		}
	}
	if id == 0 {
		return "" // none was used: a resumed TLS 1.2 session, or RSA key exchange
	}
	return id.String()
}

// config makes of the options what crypto/tls takes. Errors are usageErrors.
func (o *tlsOptions) config(server tlsAddress) (*tls.Config, error) {
	c := &tls.Config{ServerName: server.host, MinVersion: tls.VersionTLS12, InsecureSkipVerify: o.insecure}
	if o.serverName != "" {
		c.ServerName = o.serverName
	}
	if o.alpn != "" {
		c.NextProtos = strings.Split(o.alpn, ",")
		for _, name := range c.NextProtos {
			if name == "" || len(name) > 255 {
				return nil, usagef("-alpn %q: not a list of protocols, such as h2,http/1.1", o.alpn)
			}
		}
	}
	for _, set := range []func(*tls.Config) error{o.setVersion, o.setCurve, o.setRoots, o.setCertificate} {
		if err := set(c); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// onlyVersion deals with -tls.
func onlyVersion(c *tls.Config, version string) error {
	switch version {
	case "":
	case "1.2":
		c.MaxVersion = tls.VersionTLS12
	case "1.3":
		c.MinVersion = tls.VersionTLS13
	default:
		return usagef("-tls %q: there are 1.2 and 1.3", version)
	}
	return nil
}

// setVersion deals with -tls, and with -cipher, which implies TLS 1.2.
func (o *tlsOptions) setVersion(c *tls.Config) error {
	if err := onlyVersion(c, o.version); err != nil {
		return err
	}
	if o.cipher == "" {
		return nil
	}
	if o.version == "1.3" {
		return usagef("-cipher is for TLS 1.2; crypto/tls makes the choice in TLS 1.3 itself")
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
	return usagef("unknown cipher %q; there are %s", o.cipher, strings.Join(names, ", "))
}

func (o *tlsOptions) setCurve(c *tls.Config) error {
	if o.curve == "" {
		return nil
	}
	plain := func(s string) string { return strings.ToLower(strings.ReplaceAll(s, "-", "")) }
	var names []string
	for _, known := range curves {
		names = append(names, known.name)
		if plain(known.name) != plain(o.curve) {
			continue
		}
		if known.only13 {
			if c.MaxVersion == tls.VersionTLS12 {
				return usagef("-curve %s is for TLS 1.3, and TLS 1.2 was asked for", known.name)
			}
			c.MinVersion = tls.VersionTLS13 // TLS 1.2 would have nothing to offer
		}
		c.CurvePreferences = []tls.CurveID{known.id}
		return nil
	}
	return usagef("unknown curve %q; there are %s", o.curve, strings.Join(names, ", "))
}

func (o *tlsOptions) setRoots(c *tls.Config) error {
	if o.ca == "" {
		return nil
	}
	if o.insecure {
		return usagef("-ca and -insecure exclude each other")
	}
	text, err := readPEM(o.ca)
	if err != nil {
		return usagef("ca %s: %w", o.ca, err)
	}
	c.RootCAs = x509.NewCertPool()
	if !c.RootCAs.AppendCertsFromPEM(text) {
		return usagef("ca %s: holds no certificate in PEM form", o.ca)
	}
	return nil
}

// setCertificate deals with -cert and -key. The certificate is sent to a server that asks for one, whichever issuers it
// says it accepts: its refusal is then the server's own, and seen.
func (o *tlsOptions) setCertificate(c *tls.Config) error {
	if o.cert == "" {
		if o.key != "" {
			return usagef("-key without a certificate; give one with -cert FILE")
		}
		return nil
	}
	keyFile := o.key
	if keyFile == "" {
		keyFile = o.cert // both in one file, as openssl has it
	}
	if _, err := readKey(keyFile); err != nil { // says more about what is wrong than X509KeyPair
		return err
	}
	cert, err := readPEM(o.cert)
	if err != nil {
		return usagef("cert %s: %w", o.cert, err)
	}
	key, err := readPEM(keyFile)
	if err != nil {
		return usagef("key %s: %w", keyFile, err)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return usagef("cert %s: %s", o.cert, strings.TrimPrefix(err.Error(), "tls: "))
	}
	c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
	return nil
}

// maxPEMFile is more than the roots of any system.
const maxPEMFile = 16 << 20

func readPEM(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, cause(err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxPEMFile+1))
	if err != nil {
		return nil, cause(err)
	}
	if len(text) > maxPEMFile {
		return nil, fmt.Errorf("larger than %d MB", maxPEMFile>>20)
	}
	return text, nil
}
