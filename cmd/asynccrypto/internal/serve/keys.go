package serve

import (
	"cmp"
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"asynccrypto/asynctls"
	"asynccrypto/cmd/asynccrypto/internal/cli"
	"asynccrypto/cmd/asynccrypto/internal/engines"
	"asynccrypto/cmd/asynccrypto/internal/eventlog"
	"asynccrypto/cmd/asynccrypto/internal/keyring"
	"asynccrypto/cmd/asynccrypto/internal/monitor"
	"asynccrypto/cmd/asynccrypto/internal/pemfile"
	"asynccrypto/cmd/asynccrypto/internal/tlsname"
	"asynccrypto/engine"
	"asynccrypto/engine/fallback"
	"asynccrypto/internal/measure"
)

// keys holds the configuration that the files of -cert, -key, -client-ca and -ticket-keys give, the
// engine that signs with the private keys of files, and the tokens.
type keys struct {
	o       *options
	log     *eventlog.Log
	ring    *keyring.Ring
	kind    *engines.Kind  // nil for none, or if all keys are on tokens
	engine  *engine.Engine // nil without kind
	current atomic.Pointer[generation]
	reloads *monitor.Reloads
	made    *tls.Certificate // the throw-away certificate, once it is made
}

// generation is the content of the files at a time. It is not changed: a new one takes its place.
type generation struct {
	config *tls.Config         // of new handshakes
	leaves []*x509.Certificate // one for each -cert
	chains []fallback.Signer   // likewise; nil for a key without a fallback
}

func newKeys(o *options, log *eventlog.Log) (*keys, error) {
	o.ring.Logger = log.Logger()
	k := &keys{o: o, log: log, ring: keyring.New(o.ring), reloads: monitor.NewReloads()}
	if !o.computes() {
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

// open loads or makes the certificates, and opens the engine and the tokens. Call close when done,
// also after an error.
func (k *keys) open() error {
	content, err := k.load()
	if err != nil {
		return err
	}
	if k.kind != nil {
		if k.engine, err = k.o.workers.Open(k.kind, k.log); err != nil {
			return err
		}
	}
	if err := k.use(content); err != nil {
		return err
	}
	for i := range content.certs {
		k.logKeys(i, content.keys[i])
	}
	if public := content.inFile(); public != nil {
		k.log.Printf("%s", k.describe(public))
	}
	return nil
}

func (k *keys) close() {
	if g := k.current.Load(); g != nil {
		for _, chain := range g.chains {
			if chain != nil {
				chain.Close() // before its members: a probe may be under way
			}
		}
	}
	if k.engine != nil {
		k.engine.Close()
	}
	k.ring.Close()
}

// use makes new handshakes use the content of the files. Handshakes in progress go on with the
// certificates before, whose keys the engine forgets when the last of these handshakes has ended.
func (k *keys) use(content *content) error {
	c, err := k.baseConfig()
	if err != nil {
		return err
	}
	next := &generation{}
	for i, cert := range content.certs {
		served := *cert
		if served.PrivateKey, err = k.ring.Signer(k.engine, content.keys[i]); err != nil {
			return cli.Usagef("key of the certificate: %w", err)
		}
		chain, _ := served.PrivateKey.(fallback.Signer)
		c.Certificates = append(c.Certificates, served)
		next.leaves = append(next.leaves, cert.Leaf)
		next.chains = append(next.chains, chain)
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
	for _, name := range slices.Concat([]string{k.o.clientCA, k.o.ticketKeys}, k.o.certs, k.o.keys, k.o.fallbackKeys) {
		if name != "" && name != "-" && !keyring.IsURI(name) {
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
	k.reloads.Note(err == nil)
	if err != nil {
		k.log.Printf("%s: the certificate stays as it was: %v", why, err)
	}
}

// content is the content of the files.
type content struct {
	certs      []*tls.Certificate // without their keys
	keys       [][]*keyring.Key   // of each certificate: its key, and perhaps a fallback
	clientCAs  *x509.CertPool     // nil without -client-ca
	ticketKeys [][32]byte         // nil without -ticket-keys
}

// inFile returns the public key of the first key that is in a file, or nil.
func (c *content) inFile() crypto.PublicKey {
	for i, chain := range c.keys {
		for _, key := range chain {
			if key.InFile() {
				return c.certs[i].Leaf.PublicKey
			}
		}
	}
	return nil
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
	if k.o.certs == nil {
		return got, k.throwAway(got)
	}
	var refusals []error
	for i, file := range k.o.certs {
		cert, chain, refused, err := k.loadCertificate(i, file)
		if err != nil {
			return nil, err
		}
		got.certs, got.keys, refusals = append(got.certs, cert), append(got.keys, chain), append(refusals, refused)
	}
	for i, file := range k.o.certs {
		k.logCertificate(file, got.certs[i].Leaf, refusals[i])
	}
	if got.clientCAs != nil {
		k.log.Printf("client-ca %s: %s", k.o.clientCA, measure.Count(cas, "CA"))
	}
	return got, nil
}

// throwAway adds the throw-away certificate, which it makes once.
func (k *keys) throwAway(got *content) error {
	if k.made == nil {
		cert, err := throwAway(k.log)
		if err != nil {
			return err
		}
		k.made = cert
	}
	got.certs = []*tls.Certificate{k.made}
	got.keys = [][]*keyring.Key{{{Private: k.made.PrivateKey}}}
	return nil
}

// loadCertificate reads a certificate, opens its key and the fallback, and tries those that are there.
// refused is the error of a client in these trials.
func (k *keys) loadCertificate(i int, file string) (cert *tls.Certificate, chain []*keyring.Key, refused, err error) {
	keyName, fallbackName := k.o.keysOf(i)
	if keyName == "" {
		if cert, err = pemfile.ReadCertificate(file, ""); err == nil {
			chain = append(chain, &keyring.Key{Name: file, Private: cert.PrivateKey})
		}
	} else {
		cert, err = pemfile.ReadChain(file)
	}
	if err != nil {
		return nil, nil, nil, err
	}
	var named []keyring.Named
	for _, n := range []keyring.Named{{Option: "key", Value: keyName}, {Option: "fallback-key", Value: fallbackName}} {
		if n.Value != "" {
			named = append(named, n)
		}
	}
	if chain, err = k.ring.OpenChain(cert.Leaf.PublicKey, chain, named...); err != nil {
		return nil, nil, nil, err
	}
	for _, key := range chain {
		if err := pemfile.SetKey(cert, file, key.Private, key.Name); err != nil {
			return nil, nil, nil, err
		}
	}
	refused, err = k.tryAll(cert, file, chain)
	return cert, chain, refused, err
}

// tryAll tries a certificate with each of its keys. One of them may be unavailable if another works,
// or if the server is up already.
func (k *keys) tryAll(cert *tls.Certificate, file string, chain []*keyring.Key) (refused, err error) {
	works := k.current.Load() != nil
	var failed *keyring.Key
	for _, key := range chain {
		if key.Away != nil {
			k.log.Printf("warning: key %s is looked up later, because its place is away: %v", key.Name, key.Away)
			works = works || key.Server != nil // the certificate says enough of the key
			continue
		}
		r, tried := k.try(cert, key)
		switch {
		case unavailable(tried):
			k.log.Printf("warning: key %s could not be tried: %v", key.Name, tried)
			failed, err = key, tried
		case tried != nil:
			return nil, k.unusable(file, key, tried)
		default:
			works = true
			refused = cmp.Or(refused, r)
		}
	}
	if !works {
		return nil, k.unusable(file, failed, err)
	}
	return refused, nil
}

// unavailable reports whether a key may be good despite err, because its token does not work or
// does not answer in time.
func unavailable(err error) bool {
	return errors.Is(err, engine.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded)
}

// trialTime bounds the trial of a key on a token.
const trialTime = 5 * time.Second

// try tries a certificate with one of its keys. If the key's place is at fault, the error is the
// key's own.
func (k *keys) try(cert *tls.Certificate, key *keyring.Key) (refused, err error) {
	tried := *cert
	tried.PrivateKey = key.Private
	if key.InFile() {
		return try(&tried, k.o.tls)
	}
	ctx, cancel := context.WithTimeout(context.Background(), trialTime)
	defer cancel()
	bound := key.Private.(engine.Signer).WithContext(ctx)
	signer := &trialKey{Signer: bound}
	tried.PrivateKey = signer
	if message, ok := bound.(crypto.MessageSigner); ok {
		tried.PrivateKey = &messageTrialKey{signer, message}
	}
	refused, err = try(&tried, k.o.tls)
	return refused, cmp.Or(signer.err, err)
}

// trialKey is the key of a trial. It keeps the error that crypto/tls turns into text. It also hides
// the method WithContext: the trial's own job must not be paused.
type trialKey struct {
	crypto.Signer
	err error
}

// Sign implements crypto.Signer.
func (t *trialKey) Sign(rand io.Reader, digest []byte, opts crypto.SignerOpts) (signature []byte, err error) {
	signature, t.err = t.Signer.Sign(rand, digest, opts)
	return signature, t.err
}

// messageTrialKey is a trialKey that is given the message, of which it may be that key servers allow
// only the handshakes of TLS 1.3.
type messageTrialKey struct {
	*trialKey
	key crypto.MessageSigner
}

// SignMessage implements crypto.MessageSigner.
func (t *messageTrialKey) SignMessage(rand io.Reader, message []byte, opts crypto.SignerOpts) (signature []byte, err error) {
	signature, t.err = t.key.SignMessage(rand, message, opts)
	return signature, t.err
}

// unusable is the error for a key that failed its trial.
func (k *keys) unusable(file string, key *keyring.Key, err error) error {
	if !key.InFile() {
		return keyring.Failure("", fmt.Errorf("cert %s: a handshake with the key %s fails: %w", file, key.Name, err))
	}
	return cli.Usagef("cert %s: no client can use it: %w; make another key with: "+
		"openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048", file, err)
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

// logKeys logs where the key of a certificate is, unless that is one file.
func (k *keys) logKeys(i int, chain []*keyring.Key) {
	var places []string
	for _, key := range chain {
		place := "the file " + key.Name
		if key.Server != nil {
			place = "the key servers " + key.Server.Name
		}
		if t := key.Token; t != nil {
			info := t.Info()
			place = fmt.Sprintf("the token %q", t.Name)
			if key.Away == nil {
				place += fmt.Sprintf(" (%s by %s)", info.Model, info.Manufacturer)
			}
			place += fmt.Sprintf(", up to %s at a time", measure.Count(k.o.ring.Sessions, "operation"))
		}
		places = append(places, place)
	}
	switch {
	case len(chain) > 1 && !chain[0].InFile():
		k.log.Printf("key of %s: on %s; if that is unavailable, or takes more than %v, %s", k.o.certs[i], places[0], k.o.ring.Timeout, places[1])
	case len(chain) > 1:
		k.log.Printf("key of %s: in %s; if that is unavailable, %s", k.o.certs[i], places[0], places[1])
	case !chain[0].InFile():
		k.log.Printf("key of %s: on %s", k.o.certs[i], places[0])
	}
}

// describe names the engine, and says what it gains for this key.
func (k *keys) describe(key crypto.PublicKey) string {
	if k.kind == nil {
		return "engine none: crypto/tls signs by itself, without a gain in speed"
	}
	what := k.o.workers.Describe(k.kind)
	ok, why := engines.Batches(key)
	switch {
	case k.kind.Name == "multibuffer" && ok:
		return what + ": " + pemfile.KeyName(key) + " signatures up to eight at a time, on AVX-512 IFMA"
	case ok:
		return what + ": as fast as the standard library; multibuffer signs eight at a time here"
	}
	return what + ": as fast as the standard library for " + pemfile.KeyName(key) + ", no gain in speed: " + why
}
