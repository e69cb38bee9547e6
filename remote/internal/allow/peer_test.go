package allow_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"strconv"
	"strings"
	"testing"

	"asynccrypto/remote/internal/allow"
)

func parsePeer(t *testing.T, uid string) allow.Peer {
	n, err := strconv.ParseUint(uid, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	return allow.UnixPeer(uint32(n))
}

// The tags of GeneralName.
const (
	emailTag = 1
	dnsTag   = 2
	uriTag   = 6
)

type name struct {
	tag  int
	text string
}

// certificate is one with the names as they are; x509 would encode URIs anew.
func certificate(t *testing.T, commonName string, names ...name) *x509.Certificate {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: commonName}}
	if len(names) > 0 {
		var values []asn1.RawValue
		for _, n := range names {
			values = append(values, asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: n.tag, Bytes: []byte(n.text)})
		}
		der, err := asn1.Marshal(values)
		if err != nil {
			t.Fatal(err)
		}
		template.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 17}, Value: der}}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// TestCertificates has certificates whose names are nearly those of the file.
func TestCertificates(t *testing.T) {
	r := parse(t, `
allow uid:0                     sign web
allow dns:app                   sign web
allow dns:app.corp              sign web
allow spiffe://corp/app         sign web
allow spiffe://corp/app?x#y     sign web
allow urn:example:1             sign web
`)
	u := uses["ed25519"]
	for _, test := range []struct {
		names    []name
		identity string // that is allowed
	}{
		{[]name{{dnsTag, "app"}}, "dns:app"},
		{[]name{{dnsTag, "other"}, {dnsTag, "app.corp"}}, "dns:app.corp"},
		{[]name{{dnsTag, "other"}, {uriTag, "spiffe://corp/app"}, {uriTag, "urn:x:y"}}, "spiffe://corp/app"},
		{[]name{{uriTag, "spiffe://corp/app?x#y"}}, "spiffe://corp/app?x#y"},
		{[]name{{uriTag, "urn:example:1"}}, "urn:example:1"},

		{[]name{{dnsTag, "App"}}, ""},
		{[]name{{dnsTag, "app."}}, ""},
		{[]name{{dnsTag, "*.corp"}}, ""},
		{[]name{{dnsTag, "x.app"}}, ""},
		{[]name{{dnsTag, "spiffe://corp/app"}}, ""},
		{[]name{{uriTag, "spiffe://corp/app/"}}, ""},
		{[]name{{uriTag, "spiffe://corp/app#"}}, ""},               // net/url lets the # go
		{[]name{{uriTag, "SPIFFE://corp/app"}, {dnsTag, "x"}}, ""}, // net/url makes the scheme lower case
		{[]name{{uriTag, "spiffe://corp/%61pp"}}, ""},
		{[]name{{uriTag, "spiffe://corp/app?x"}}, ""},
		{[]name{{emailTag, "app"}, {dnsTag, "x"}}, ""},

		// Schemes of the allow file, in a URI, are no identities.
		{[]name{{uriTag, "uid:0"}, {dnsTag, "x"}}, ""},
		{[]name{{uriTag, "dns:app"}, {dnsTag, "x"}}, ""},
		{[]name{{uriTag, "user:root"}, {dnsTag, "x"}}, ""},
	} {
		p, err := allow.CertificatePeer(certificate(t, "app", test.names...))
		if err != nil {
			t.Errorf("%+v: %v", test.names, err)
			continue
		}
		if identity, ok := r.Allowed(p, "web", &u); identity != test.identity || ok != (test.identity != "") {
			t.Errorf("%+v: %q, %v; want %q", test.names, identity, ok, test.identity)
		}
	}
}

// TestNoIdentity has certificates that name nobody.
func TestNoIdentity(t *testing.T) {
	for _, names := range [][]name{
		nil, // the common name does not count
		{{emailTag, "app@corp"}},
		{{uriTag, "uid:0"}},
		{{uriTag, "dns:app"}},
		{{dnsTag, "app sign web"}},
		{{dnsTag, "app\nroot"}},
	} {
		if p, err := allow.CertificatePeer(certificate(t, "app", names...)); err == nil || p.String() != "" {
			t.Errorf("%+v: %q, %v", names, p, err)
		}
	}
}

func TestPeerString(t *testing.T) {
	for want, p := range map[string]func() (allow.Peer, error){
		"":               func() (allow.Peer, error) { return allow.Peer{}, nil },
		"uid:0":          func() (allow.Peer, error) { return allow.UnixPeer(0), nil },
		"uid:4294967294": func() (allow.Peer, error) { return allow.UnixPeer(1<<32 - 2), nil },
		"dns:a dns:b spiffe://c/d": func() (allow.Peer, error) {
			return allow.CertificatePeer(certificate(t, "", name{dnsTag, "b"}, name{uriTag, "spiffe://c/d"}, name{dnsTag, "a"}, name{dnsTag, "b"}))
		},
		"dns:" + strings.Repeat("a", 252) + "...": func() (allow.Peer, error) {
			return allow.CertificatePeer(certificate(t, "", name{dnsTag, strings.Repeat("a", 300)}))
		},
	} {
		if got, err := p(); err != nil || got.String() != want {
			t.Errorf("%q, %v; want %q", got, err, want)
		}
	}
}

// TestKey tells peers apart whose text is the same, as it is cut.
func TestKey(t *testing.T) {
	a, b := strings.Repeat("a", 300), strings.Repeat("a", 299)+"b"
	keys := make(map[string]bool)
	for _, names := range [][]name{
		{{dnsTag, a}}, {{dnsTag, b}}, {{dnsTag, a}, {dnsTag, b}}, {{dnsTag, b}, {dnsTag, a}, {dnsTag, b}}, // the last two are one
	} {
		p, err := allow.CertificatePeer(certificate(t, "", names...))
		if err != nil {
			t.Fatal(err)
		}
		keys[p.Key()] = true
	}
	if len(keys) != 3 || keys[""] || (allow.Peer{}).Key() != "" {
		t.Errorf("%d keys of three peers", len(keys))
	}
}
