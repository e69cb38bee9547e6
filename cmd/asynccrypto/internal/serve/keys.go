package serve

import (
	"crypto"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"asynccrypto/asynctls"
	"asynccrypto/cmd/asynccrypto/internal/cli"
	"asynccrypto/cmd/asynccrypto/internal/engines"
	"asynccrypto/cmd/asynccrypto/internal/pemfile"
	"asynccrypto/cmd/asynccrypto/internal/serve/eventlog"
	"asynccrypto/cmd/asynccrypto/internal/tlsname"
	"asynccrypto/engine"
	"asynccrypto/internal/measure"
)

// keys holds the configuration that the files of -cert, -key, -client-ca and -ticket-keys give, and
// the engine that signs with the private keys.
type keys struct {
	o       *options
	log     *eventlog.Log
	kind    *engines.Kind  // nil for none
	engine  *engine.Engine // nil for none
	current atomic.Pointer[generation]
	made    []*tls.Certificate // the throw-away certificate, once it is made
}

// generation is the content of the files at a time. It is not changed: a new one takes its place.
type generation struct {
	config *tls.Config         // of new handshakes
	leaves []*x509.Certificate // one for each -cert
}

func newKeys(o *options, log *eventlog.Log) (*keys, error) {
	k := &keys{o: o, log: log}
	if o.engine == "none" {
		return k, nil
	}
	var err error
	k.kind, err = engines.Choose(o.engine, "none")
	return k, err
}

// config returns the server's configuration, which gives each handshake the current one.
func (k *keys) config() (*tls.Config, error) {
	c, err := k.baseConfig()
	if err == nil {
		c.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return k.current.Load().config, nil }
	}
	return c, err
}

// baseConfig returns the part of a configuration that does not depend on files.
func (k *keys) baseConfig() (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: k.o.alpn}
	if k.o.proxy == "" {
		c.NextProtos = []string{"h2", "http/1.1"} // those of net/http
	}
	return c, tlsname.SetVersion(c, k.o.tls)
}

// open loads or makes the certificates, and opens the engine. Call close when done.
func (k *keys) open() error {
	content, err := k.load()
	if err != nil {
		return err
	}
	if k.kind != nil {
		if err := k.openEngine(); err != nil {
			return err
		}
	}
	if err := k.use(content); err != nil {
		k.close()
		return err
	}
	k.log.Printf("%s", k.describe(content.certs[0].Leaf.PublicKey))
	return nil
}

// openEngine opens the engine. Some sandboxes forbid any change of priority. That must not keep a
// server from starting if only the default asks for it.
func (k *keys) openEngine() (err error) {
	if k.engine, err = k.kind.Open(engines.Options{Workers: k.o.workers, Nice: k.o.nice}); err == nil || k.o.nice == 0 {
		return err
	}
	if k.o.niceGiven {
		return fmt.Errorf("-nice %d: %w; give -nice 0 where the system forbids another priority", k.o.nice, err)
	}
	first := err
	if k.engine, err = k.kind.Open(engines.Options{Workers: k.o.workers}); err != nil {
		return err
	}
	k.o.nice = 0
	k.log.Printf("warning: the workers have the same priority as the rest: %v", first)
	return nil
}

func (k *keys) close() {
	if k.engine != nil {
		k.engine.Close()
	}
}

// use makes new handshakes use the content of the files. Handshakes in progress go on with the
// certificates before, whose keys the engine forgets when the last of these handshakes has ended.
func (k *keys) use(content *content) error {
	c, err := k.baseConfig()
	if err != nil {
		return err
	}
	next := &generation{}
	for _, cert := range content.certs {
		served := *cert
		if k.engine != nil {
			if served.PrivateKey, err = k.engine.Signer(cert.PrivateKey.(crypto.Signer)); err != nil {
				return cli.Usagef("key of the certificate: %w", err)
			}
		}
		c.Certificates = append(c.Certificates, served)
		next.leaves = append(next.leaves, cert.Leaf)
	}
	if content.clientCAs != nil {
		c.ClientCAs, c.ClientAuth = content.clientCAs, tls.RequireAndVerifyClientCert
	}
	next.config = asynctls.Config(c)
	if content.ticketKeys != nil {
		next.config.SetSessionTicketKeys(content.ticketKeys)
		clear(content.ticketKeys)
	}
	k.current.Store(next)
	return nil
}

// files returns the names of the files that reload reads.
func (k *keys) files() []string {
	var names []string
	for _, name := range append(append([]string{k.o.clientCA, k.o.ticketKeys}, k.o.certs...), k.o.keys...) {
		if name != "" {
			names = append(names, name)
		}
	}
	return names
}

// reload reads the files again. If one of them can't be used, all stay as they were. The parameter
// why is for the log.
func (k *keys) reload(why string) {
	if len(k.files()) == 0 {
		k.log.Printf("%s: there is no file to read again", why)
		return
	}
	content, err := k.load()
	if err == nil {
		err = k.use(content)
	}
	if err != nil {
		k.log.Printf("%s: the certificate stays as it was: %v", why, err)
	}
}

// content is the content of the files.
type content struct {
	certs      []*tls.Certificate
	clientCAs  *x509.CertPool // nil without -client-ca
	ticketKeys [][32]byte     // nil without -ticket-keys
}

// load reads the files, and logs their content once all are read. Errors are usage errors.
func (k *keys) load() (*content, error) {
	got := &content{}
	cas, err := 0, error(nil)
	if k.o.clientCA != "" {
		if got.clientCAs, cas, err = pemfile.ReadPool("client-ca", k.o.clientCA); err != nil {
			return nil, err
		}
	}
	if k.o.ticketKeys != "" {
		if got.ticketKeys, err = readTicketKeys(k.o.ticketKeys); err != nil {
			return nil, cli.Usagef("-ticket-keys %s: %w", k.o.ticketKeys, err)
		}
	}
	var refusals []error
	if got.certs, refusals, err = k.loadCertificates(); err != nil {
		return nil, err
	}
	for i, file := range k.o.certs {
		k.logCertificate(file, got.certs[i].Leaf, refusals[i])
	}
	if got.clientCAs != nil {
		k.log.Printf("client-ca %s: %s", k.o.clientCA, measure.Count(cas, "CA"))
	}
	return got, nil
}

// loadCertificates reads the certificates and their keys, and tries each of them. refusals are the
// errors of clients in these trials. If there is no file it makes a certificate, once.
func (k *keys) loadCertificates() (certs []*tls.Certificate, refusals []error, err error) {
	if k.o.certs == nil && k.made == nil {
		cert, err := throwAway(k.log)
		if err != nil {
			return nil, nil, err
		}
		k.made = []*tls.Certificate{cert}
	}
	if k.o.certs == nil {
		return k.made, nil, nil
	}
	for i, file := range k.o.certs {
		cert, err := pemfile.ReadCertificate(file, k.o.keyFile(i))
		if err != nil {
			return nil, nil, err
		}
		refused, err := try(cert, k.o.tls)
		if err != nil {
			return nil, nil, cli.Usagef("cert %s: no client can use it: %w; make another key with: "+
				"openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048", file, err)
		}
		certs, refusals = append(certs, cert), append(refusals, refused)
	}
	return certs, refusals, nil
}

// logCertificate logs a certificate, and reasons for which clients may refuse it.
func (k *keys) logCertificate(file string, leaf *x509.Certificate, refused error) {
	names := ""
	if len(k.o.certs) > 1 {
		names = ", for " + strings.Join(leaf.DNSNames, " ")
	}
	k.log.Printf("certificate %s: %s, %s, until %s%s", file, pemfile.SubjectName(leaf), pemfile.KeyName(leaf.PublicKey),
		leaf.NotAfter.Format(time.DateOnly), names)
	if now := time.Now(); now.After(leaf.NotAfter) {
		k.log.Printf("warning: it has expired, and clients will refuse it")
	} else if now.Before(leaf.NotBefore) {
		k.log.Printf("warning: it is not valid before %s", leaf.NotBefore.Format(time.DateTime))
	}
	if key, ok := leaf.PublicKey.(*rsa.PublicKey); ok && key.N.BitLen() < 2048 {
		k.log.Printf("warning: %s is too short to be safe, and many clients refuse it; make a key of 2,048 bits or more",
			pemfile.KeyName(key))
	}
	if len(leaf.DNSNames)+len(leaf.IPAddresses) == 0 {
		k.log.Printf("warning: it names no host (subjectAltName), and most clients will refuse it")
	}
	if len(leaf.ExtKeyUsage)+len(leaf.UnknownExtKeyUsage) > 0 && !slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageServerAuth) &&
		!slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageAny) {
		k.log.Printf("warning: it is not for servers (extended key usage), and most clients will refuse it")
	}
	if refused != nil {
		k.log.Printf("warning: clients of Go refuse it: %v", refused)
	}
}

// describe names the engine, and says what it gains for this key.
func (k *keys) describe(key crypto.PublicKey) string {
	if k.kind == nil {
		return "engine none: crypto/tls signs by itself, without a gain in speed"
	}
	what := fmt.Sprintf("engine %s, %s", k.kind.Name, measure.Count(k.o.workers, "worker"))
	if k.o.nice > 0 {
		what += fmt.Sprintf(" at nice %d", k.o.nice)
	}
	ok, why := engines.Batches(key)
	switch {
	case k.kind.Name == "multibuffer" && ok:
		return what + ": " + pemfile.KeyName(key) + " signatures up to eight at a time, on AVX-512 IFMA"
	case ok:
		return what + ": as fast as the standard library; multibuffer signs eight at a time here"
	}
	return what + ": as fast as the standard library for " + pemfile.KeyName(key) + ", no gain in speed: " + why
}
