package main

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"time"

	"github.com/beevik/etree"
	"github.com/crewjam/saml"
	"github.com/emersion/go-msgauth/dkim"
	"github.com/go-fed/httpsig"
	"github.com/miekg/dns"
	dsig "github.com/russellhaering/goxmldsig"
	smallstep "github.com/smallstep/pkcs7"
	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/svid/x509svid"
	mozilla "go.mozilla.org/pkcs7"
)

var ctx = context.Background()

var documents = []check{
	{"github.com/smallstep/pkcs7", "AddSigner", func(key crypto.Signer) error {
		cert, err := certificate(key)
		if err != nil {
			return err
		}
		data, err := smallstep.NewSignedData([]byte("data"))
		if err != nil {
			return err
		}
		data.SetDigestAlgorithm(smallstep.OIDDigestAlgorithmSHA256)
		if err := data.AddSigner(cert, key, smallstep.SignerInfoConfig{}); err != nil {
			return err
		}
		der, err := data.Finish()
		if err != nil {
			return err
		}
		message, err := smallstep.Parse(der)
		if err != nil {
			return err
		}
		return invalid(message.Verify())
	}},
	{"github.com/smallstep/pkcs7", "Decrypt", func(key crypto.Signer) error {
		cert, err := certificate(key)
		if err != nil {
			return err
		}
		return decrypt(key, func() ([]byte, error) { return smallstep.Encrypt([]byte("data"), []*x509.Certificate{cert}) },
			func(der []byte) ([]byte, error) {
				message, err := smallstep.Parse(der)
				if err != nil {
					return nil, err
				}
				return message.Decrypt(cert, key)
			})
	}},
	{"go.mozilla.org/pkcs7", "AddSigner", func(key crypto.Signer) error {
		cert, err := certificate(key)
		if err != nil {
			return err
		}
		data, err := mozilla.NewSignedData([]byte("data"))
		if err != nil {
			return err
		}
		data.SetDigestAlgorithm(mozilla.OIDDigestAlgorithmSHA256)
		if err := data.AddSigner(cert, key, mozilla.SignerInfoConfig{}); err != nil {
			return err
		}
		der, err := data.Finish()
		if err != nil {
			return err
		}
		message, err := smallstep.Parse(der)
		if err != nil {
			return err
		}
		return invalid(message.Verify())
	}},
	{"go.mozilla.org/pkcs7", "Decrypt", func(key crypto.Signer) error {
		cert, err := certificate(key)
		if err != nil {
			return err
		}
		return decrypt(key, func() ([]byte, error) { return mozilla.Encrypt([]byte("data"), []*x509.Certificate{cert}) },
			func(der []byte) ([]byte, error) {
				message, err := mozilla.Parse(der)
				if err != nil {
					return nil, err
				}
				return message.Decrypt(cert, key)
			})
	}},
	{"github.com/russellhaering/goxmldsig", "NewSigningContext", signXML},
	{"github.com/crewjam/saml", "ServiceProvider.Key, redirect", signSAML},
	{"github.com/emersion/go-msgauth", "dkim Sign", signMail},
	{"github.com/miekg/dns", "RRSIG.Sign", signDNS},
	{"github.com/go-fed/httpsig", "SignRequest", signHTTP},
	{"github.com/spiffe/go-spiffe/v2", "x509svid.SVID.Marshal", func(key crypto.Signer) error {
		cert, err := certificate(key)
		if err != nil {
			return err
		}
		id, err := spiffeid.FromString("spiffe://host/workload")
		if err != nil {
			return err
		}
		_, _, err = (&x509svid.SVID{ID: id, Certificates: []*x509.Certificate{cert}, PrivateKey: key}).Marshal()
		return err
	}},
}

func decrypt(key crypto.Signer, encrypt func() ([]byte, error), decrypt func([]byte) ([]byte, error)) error {
	der, err := encrypt()
	if err != nil {
		return err
	}
	data, err := decrypt(der)
	if err != nil {
		return err
	}
	return invalid(equal(data, []byte("data")))
}

// signXML verifies RSA by the library, and ECDSA as XML Signature 1.1, section 6.4.3, has it: r and
// s side by side.
func signXML(key crypto.Signer) error {
	cert, err := certificate(key)
	if err != nil {
		return err
	}
	signing, err := dsig.NewSigningContext(key, [][]byte{cert.Raw})
	if err != nil {
		return err
	}
	if kindOf(key) == "P-256" {
		if err := signing.SetSignatureMethod(dsig.ECDSASHA256SignatureMethod); err != nil {
			return err
		}
	}
	element := etree.NewElement("a")
	element.CreateAttr("ID", "id")
	signed, err := signing.SignEnveloped(element)
	if err != nil {
		return err
	}
	if kindOf(key) == "P-256" {
		sig, err := base64.StdEncoding.DecodeString(signed.FindElement("//SignatureValue").Text())
		if err == nil && len(sig) != 64 {
			err = errors.New("the signature is in ASN.1; XML Signature wants r and s side by side")
		}
		return invalid(err)
	}
	_, err = dsig.NewDefaultValidationContext(&dsig.MemoryX509CertificateStore{Roots: []*x509.Certificate{cert}}).Validate(signed)
	return invalid(err)
}

// signSAML makes a request for the redirect binding, whose query is signed as it stands.
func signSAML(key crypto.Signer) error {
	cert, err := certificate(key)
	if err != nil {
		return err
	}
	method := dsig.RSASHA256SignatureMethod
	if kindOf(key) == "P-256" {
		method = dsig.ECDSASHA256SignatureMethod
	}
	at := func(path string) url.URL { return url.URL{Scheme: "https", Host: "host", Path: path} }
	sp := &saml.ServiceProvider{
		Key: key, Certificate: cert, MetadataURL: at("/metadata"), AcsURL: at("/acs"), SignatureMethod: method,
		IDPMetadata: &saml.EntityDescriptor{IDPSSODescriptors: []saml.IDPSSODescriptor{{
			SingleSignOnServices: []saml.Endpoint{{Binding: saml.HTTPRedirectBinding, Location: "https://idp/sso"}},
		}}},
	}
	u, err := sp.MakeRedirectAuthenticationRequest("")
	if err != nil {
		return err
	}
	text, encoded, ok := strings.Cut(u.RawQuery, "&Signature=")
	if !ok {
		return errors.New("the request is not signed")
	}
	encoded, err = url.QueryUnescape(encoded)
	if err != nil {
		return err
	}
	sig, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return err
	}
	if kindOf(key) == "P-256" && len(sig) != 64 {
		return invalid(errors.New("the signature is in ASN.1; XML Signature wants r and s side by side"))
	}
	return invalid(verifyMessage(key.Public(), []byte(text), sig))
}

func signMail(key crypto.Signer) error {
	const mail = "From: a@host\r\nTo: b@host\r\nSubject: s\r\n\r\nbody\r\n"
	var signed bytes.Buffer
	if err := dkim.Sign(&signed, strings.NewReader(mail), &dkim.SignOptions{Domain: "host", Selector: "s", Signer: key}); err != nil {
		return err
	}
	record := "v=DKIM1; k=rsa; p="
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return err
	}
	if public, ok := key.Public().(ed25519.PublicKey); ok {
		record, der = "v=DKIM1; k=ed25519; p=", public
	}
	record += base64.StdEncoding.EncodeToString(der)
	results, err := dkim.VerifyWithOptions(&signed, &dkim.VerifyOptions{LookupTXT: func(string) ([]string, error) { return []string{record}, nil }})
	if err != nil {
		return err
	}
	if len(results) != 1 {
		return errors.New("the mail is not signed")
	}
	return invalid(results[0].Err)
}

func signDNS(key crypto.Signer) error {
	const name = "host."
	record := &dns.TXT{Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeTXT, Class: dns.ClassINET, Ttl: 60}, Txt: []string{"text"}}
	public := &dns.DNSKEY{Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeDNSKEY, Class: dns.ClassINET}, Flags: 256, Protocol: 3}
	var encoded []byte
	switch key := key.Public().(type) {
	case *rsa.PublicKey:
		public.Algorithm = dns.RSASHA256
		encoded = append([]byte{3, 1, 0, 1}, key.N.Bytes()...)
	case *ecdsa.PublicKey:
		public.Algorithm = dns.ECDSAP256SHA256
		point, err := key.Bytes()
		if err != nil {
			return err
		}
		encoded = point[1:]
	case ed25519.PublicKey:
		public.Algorithm, encoded = dns.ED25519, key
	}
	public.PublicKey = base64.StdEncoding.EncodeToString(encoded)
	sig := &dns.RRSIG{
		Algorithm: public.Algorithm, KeyTag: public.KeyTag(), SignerName: name,
		Inception: uint32(time.Now().Add(-time.Hour).Unix()), Expiration: uint32(time.Now().Add(time.Hour).Unix()),
	}
	if err := sig.Sign(key, []dns.RR{record}); err != nil {
		return err
	}
	return invalid(sig.Verify(public, []dns.RR{record}))
}

func signHTTP(key crypto.Signer) error {
	alg := map[string]httpsig.Algorithm{"RSA": httpsig.RSA_SHA256, "P-256": httpsig.ECDSA_SHA256, "Ed25519": httpsig.ED25519}[kindOf(key)]
	signer, _, err := httpsig.NewSigner([]httpsig.Algorithm{alg}, httpsig.DigestSha256, []string{httpsig.RequestTarget, "date"}, httpsig.Signature, 0)
	if err != nil {
		return err
	}
	request := httptest.NewRequest(http.MethodGet, "https://host/", nil)
	request.Header.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	if err := signer.SignRequest(key, "id", request, nil); err != nil {
		return err
	}
	verifier, err := httpsig.NewVerifier(request)
	if err != nil {
		return err
	}
	return invalid(verifier.Verify(key.Public(), alg))
}

// dsseKey implements dsse.Signer and dsse.Verifier, as users of go-securesystemslib do.
type dsseKey struct{ key crypto.Signer }

func (k dsseKey) Sign(_ context.Context, data []byte) ([]byte, error) {
	return signMessage(k.key, data)
}
func (k dsseKey) Verify(_ context.Context, data, sig []byte) error {
	return verifyMessage(k.key.Public(), data, sig)
}
func (k dsseKey) KeyID() (string, error)   { return "id", nil }
func (k dsseKey) Public() crypto.PublicKey { return k.key.Public() }

// noteKey implements note.Signer and note.Verifier, as users of sumdb/note do.
type noteKey struct{ key crypto.Signer }

func (k noteKey) Name() string                    { return "host" }
func (k noteKey) KeyHash() uint32                 { return 1 }
func (k noteKey) Sign(msg []byte) ([]byte, error) { return signMessage(k.key, msg) }
func (k noteKey) Verify(msg, sig []byte) bool     { return verifyMessage(k.key.Public(), msg, sig) == nil }
