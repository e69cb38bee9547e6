package serve

import (
	"crypto"
	"crypto/tls"
	"fmt"
	"sync/atomic"
	"time"

	"asynccrypto/cmd/asynccrypto/internal/cli"
	"asynccrypto/cmd/asynccrypto/internal/engines"
	"asynccrypto/cmd/asynccrypto/internal/pemfile"
	"asynccrypto/cmd/asynccrypto/internal/serve/eventlog"
	"asynccrypto/engine"
	"asynccrypto/internal/measure"
)

// keys holds the certificate that is served, and the engine that signs with its key.
type keys struct {
	o       *options
	log     *eventlog.Log
	kind    *engines.Kind  // nil for none
	engine  *engine.Engine // nil for none
	current atomic.Pointer[tls.Certificate]
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

// open loads or makes the certificate, and opens the engine. Call close when done.
func (k *keys) open() error {
	cert, err := k.first()
	if err != nil {
		return err
	}
	if k.kind != nil {
		if k.engine, err = k.kind.Open(engines.Options{Workers: k.o.workers, Nice: k.o.nice}); err != nil {
			return err
		}
	}
	if err := k.use(cert); err != nil {
		k.close()
		return err
	}
	k.log.Printf("%s", k.describe(cert.Leaf.PublicKey))
	return nil
}

func (k *keys) first() (*tls.Certificate, error) {
	if k.o.cert == "" {
		return throwAway(k.log)
	}
	return k.load()
}

func (k *keys) close() {
	if k.engine != nil {
		k.engine.Close()
	}
}

// use makes new handshakes use cert. Handshakes in progress go on with the certificate before it,
// whose key the engine forgets when the last of them has ended.
func (k *keys) use(cert *tls.Certificate) error {
	if k.engine != nil {
		signer, err := k.engine.Signer(cert.PrivateKey.(crypto.Signer))
		if err != nil {
			return cli.Usagef("key of the certificate: %w", err)
		}
		cert.PrivateKey = signer
	}
	k.current.Store(cert)
	return nil
}

// reload reads the files again. If they can't be used, the certificate stays as it was.
func (k *keys) reload() {
	if k.o.cert == "" {
		k.log.Printf("hangup: there is no -cert to read again")
		return
	}
	cert, err := k.load()
	if err == nil {
		err = k.use(cert)
	}
	if err != nil {
		k.log.Printf("hangup: the certificate stays as it was: %v", err)
	}
}

// load reads the certificate and its key. Errors are usage errors.
func (k *keys) load() (*tls.Certificate, error) {
	cert, err := pemfile.ReadCertificate(k.o.cert, k.o.key)
	if err != nil {
		return nil, err
	}
	leaf := cert.Leaf
	k.log.Printf("certificate %s: %s, %s, until %s", k.o.cert, pemfile.SubjectName(leaf), pemfile.KeyName(leaf.PublicKey),
		leaf.NotAfter.Format(time.DateOnly))
	if now := time.Now(); now.After(leaf.NotAfter) {
		k.log.Printf("warning: it has expired, and clients will refuse it")
	} else if now.Before(leaf.NotBefore) {
		k.log.Printf("warning: it is not valid before %s", leaf.NotBefore.Format(time.DateTime))
	}
	return cert, nil
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
