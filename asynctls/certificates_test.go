package asynctls_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"testing"
	"time"

	"asynccrypto/asynctls"
	"asynccrypto/asynctls/internal/tlstest"
	"asynccrypto/internal/testwait"
)

// The certificate that a prepared config serves is the one that crypto/tls would have chosen,
// for every kind of config and of ClientHello.
func TestChoiceOfCertificate(t *testing.T) {
	named := func(algorithm string, names ...string) tls.Certificate {
		return tlstest.NewCertFor(t, tlstest.Keys()[algorithm], names...)
	}
	a, b, c := named("RSA", "example.test"), named("ECDSA", "example.test"), named("ECDSA", "*.example.test")
	d, e := named("Ed25519", "other.test"), named("RSA", "extra.test")
	get := func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		switch hello.ServerName {
		case "extra.test":
			return &e, nil
		case "refused.test":
			return nil, errors.New("refused")
		}
		return nil, nil
	}
	configs := map[string]*tls.Config{
		"none":    {},
		"one":     {Certificates: []tls.Certificate{b}},
		"several": {Certificates: []tls.Certificate{b, a, c, d}},
		"names": {Certificates: []tls.Certificate{a, d}, NameToCertificate: map[string]*tls.Certificate{
			"example.test": &b, "*.example.test": &c, "extra.test": &e}},
		"get":             {GetCertificate: get},
		"get and several": {GetCertificate: get, Certificates: []tls.Certificate{c, a}},
		"get and one":     {GetCertificate: get, Certificates: []tls.Certificate{a}},
		"for client": {Certificates: []tls.Certificate{d}, GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			if hello.ServerName == "other.test" {
				return nil, nil
			}
			return &tls.Config{GetCertificate: get, Certificates: []tls.Certificate{c, a}}, nil
		}},
	}
	hellos := map[string]*tls.Config{
		"1.3":           {},
		"1.2 ECDSA":     {MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}},
		"1.2 RSA":       {MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}},
		"1.2 key agree": {MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_RSA_WITH_AES_128_GCM_SHA256}},
	}
	served := func(sc, cc *tls.Config) string {
		sErr, cErr := handshakeBlocking(sc, cc)
		if sErr != nil || cErr != nil {
			return fmt.Sprint(sErr, cErr)
		}
		return ""
	}
	for configName, config := range configs {
		config.CipherSuites = []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
			tls.TLS_RSA_WITH_AES_128_GCM_SHA256}
		prepared := asynctls.Config(config)
		for helloName, hello := range hellos {
			for _, name := range []string{"", "example.test", "EXAMPLE.test", "sub.example.test", "a.b.example.test", "other.test",
				"extra.test", "refused.test", "test"} {
				var got [2]string
				for i, sc := range []*tls.Config{config, prepared} {
					cc := hello.Clone()
					cc.InsecureSkipVerify, cc.ServerName = true, name
					cc.VerifyPeerCertificate = func(raw [][]byte, _ [][]*x509.Certificate) error {
						got[i] = fmt.Sprintf("%x", raw[0])
						return nil
					}
					got[i] += served(sc, cc)
				}
				if got[0] != got[1] {
					t.Errorf("%s, hello %s for %q: crypto/tls serves\n%s, we\n%s", configName, helloName, name, got[0], got[1])
				}
			}
		}
	}
}

// RSA key exchange, which decrypts, goes through the engine; so do client certificates, by
// either way.
func TestKeysOfTheEngine(t *testing.T) {
	e, pool := tlstest.NewEngine(t), newPool(t, 0)
	cert := tlstest.NewCert(t, tlstest.RSAKey())
	held := tlstest.WithEngine(t, e, cert)
	kex := &tls.Config{
		Certificates: []tls.Certificate{held}, MaxVersion: tls.VersionTLS12,
		CipherSuites: []uint16{tls.TLS_RSA_WITH_AES_128_GCM_SHA256},
	}
	mutual := &tls.Config{Certificates: []tls.Certificate{held}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: tlstest.RootsOf(cert)}
	client := &tls.Config{RootCAs: tlstest.RootsOf(cert), ServerName: "example.test"}
	byList, byFunc, byNone := client.Clone(), client.Clone(), client.Clone()
	byList.Certificates = []tls.Certificate{tlstest.NewCertFor(t, unrelated(), "stranger.test"), held}
	byFunc.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &held, nil }
	kexClient := client.Clone()
	kexClient.CipherSuites = kex.CipherSuites
	for _, c := range []struct {
		name           string
		server, client *tls.Config
		operations     uint64
		fails          bool
	}{
		{"RSA key exchange", kex, kexClient, 1, false},
		{"client Certificates", mutual, byList, 2, false},
		{"GetClientCertificate", mutual, byFunc, 2, false},
		{"no client certificate", mutual, byNone, 1, true},
	} {
		before := e.Stats().Completed
		o := &asynctls.Options{Pool: pool}
		s := newSide(t, asynctls.NewServerConn, asynctls.Config(c.server), o)
		sErr, cErr := handshake(t, s, newSide(t, asynctls.NewClientConn, asynctls.Config(c.client), o), 1<<20)
		if (sErr != nil || cErr != nil) != c.fails || e.Stats().Completed-before != c.operations {
			t.Error(c.name, sErr, cErr, e.Stats().Completed-before)
		}
		if state, ok := s.ConnectionState(); ok && c.operations == 2 && len(state.PeerCertificates) != 1 {
			t.Error(c.name, len(state.PeerCertificates))
		}
	}
	if asynctls.Config(nil) != nil {
		t.Error("a config out of nothing")
	}
}

func unrelated() crypto.Signer { k, _ := rsa.GenerateKey(rand.Reader, 2048); return k }

// Session tickets resume with one prepared config, with a GetConfigForClient that returns the
// same config each time or a fresh one, and when the keys of that config are set anew.
func TestTickets(t *testing.T) {
	e, pool := tlstest.NewEngine(t), newPool(t, 0)
	cert := tlstest.NewCert(t, tlstest.RSAKey())
	base := &tls.Config{Certificates: []tls.Certificate{tlstest.WithEngine(t, e, cert)}}
	same, rotating := base.Clone(), base.Clone()
	rotating.SetSessionTicketKeys([][32]byte{{1}})
	with := func(get func() *tls.Config) *tls.Config {
		return asynctls.Config(&tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return get(), nil }})
	}
	for name, sc := range map[string]*tls.Config{
		"one":   asynctls.Config(base),
		"same":  with(func() *tls.Config { return same }),
		"fresh": with(base.Clone),
		"keys":  with(func() *tls.Config { return rotating }),
	} {
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			cc := &tls.Config{RootCAs: tlstest.RootsOf(cert), ServerName: "example.test", MaxVersion: version,
				ClientSessionCache: tls.NewLRUClientSessionCache(1)}
			resumes := func() bool {
				o := &asynctls.Options{Pool: pool}
				s, c := newSide(t, asynctls.NewServerConn, sc, o), newSide(t, asynctls.NewClientConn, cc, o)
				if sErr, cErr := handshake(t, s, c, 1<<20); sErr != nil || cErr != nil {
					t.Fatal(name, sErr, cErr)
				}
				c.Read(make([]byte, 1)) // the ticket
				state, _ := s.ConnectionState()
				return state.DidResume
			}
			if resumes() || !resumes() || !resumes() {
				t.Errorf("%s, %s: not the first, or not each further one resumed", name, tls.VersionName(version))
			}
			if name == "keys" {
				rotating.SetSessionTicketKeys([][32]byte{{byte(version)}})
				if resumes() || !resumes() {
					t.Error("the old keys are in use")
				}
			}
		}
	}
}

// Keys are bound, so that the job pauses, wherever the certificate comes from.
func TestBound(t *testing.T) {
	e, gate := newGate(t)
	cert := tlstest.NewCert(t, tlstest.RSAKey())
	held := tlstest.WithEngine(t, e, cert)
	get := func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &held, nil }
	for name, sc := range map[string]*tls.Config{
		"Certificates":   {Certificates: []tls.Certificate{held}},
		"GetCertificate": {GetCertificate: get},
		"GetConfigForClient": {GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			return &tls.Config{Certificates: []tls.Certificate{held}}, nil
		}},
		"GetCertificate of that": {GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			return &tls.Config{GetCertificate: get}, nil
		}},
	} {
		o := &asynctls.Options{Pool: newPool(t, 0)}
		s := newSide(t, asynctls.NewServerConn, asynctls.Config(sc), o)
		c := newSide(t, asynctls.NewClientConn, &tls.Config{RootCAs: tlstest.RootsOf(cert), ServerName: "example.test"}, o)
		late := time.AfterFunc(time.Until(testwait.Limit()), func() { gate <- errBroken }) // for a key that blocks
		c.Handshake()
		carry(c, s, 1<<20)
		if err := s.Handshake(); err != asynctls.ErrWantAsync {
			t.Fatal(name, err)
		}
		late.Stop()
		s.Abort()
		c.Abort()
		for e.Stats().InFlight > 0 {
			select {
			case gate <- nil:
			case <-time.After(time.Millisecond):
			}
		}
	}
}
