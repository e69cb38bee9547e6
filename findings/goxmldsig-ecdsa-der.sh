#!/bin/bash
# goxmldsig: ECDSA signatures of XML are in a form that only goxmldsig reads.
#
# Software    github.com/russellhaering/goxmldsig v1.6.1; xmlsec1 1.2.37 (Debian's 1.2.37-2)
# Best guess  NewSigningContext takes any crypto.Signer, knows ecdsa-sha256, and its output is
#             XML Signature; what it validates, others validate
# Seen        SignatureValue holds the ASN.1 DER that crypto.Signer returns. XML Signature wants
#             the two numbers side by side, 64 bytes for P-256. goxmldsig validates the DER and
#             refuses the 64 bytes; xmlsec1 does the opposite, with the same key and document.
# Matters to  SAML and other users who move from RSA to ECDSA for speed, or to a wrapped key:
#             their own tests pass, and parties that follow the standard refuse.
source "$(dirname "$0")/common.bash"
debian xmlsec1=1.2.37-2 libxmlsec1=1.2.37-2 libxmlsec1-openssl=1.2.37-2 \
	libxml2=2.9.14+dfsg-1.3~deb12u6 libxslt1.1=1.1.35-1+deb12u4 libicu72=72.1-3+deb12u1
go_modules github.com/russellhaering/goxmldsig@v1.6.1

cat >main.go <<'END'
// Signs a document with goxmldsig as der.xml, and writes it with the same signature as two numbers
// side by side as raw.xml.
package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"log"
	"math/big"
	"os"
	"time"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"
)

func must[T any](v T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return v
}

func main() {
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	spki := must(x509.MarshalPKIXPublicKey(key.Public()))
	block := &pem.Block{Type: "PUBLIC KEY", Bytes: spki}
	must(0, os.WriteFile("key.pem", pem.EncodeToMemory(block), 0o600))

	now := time.Now()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: now, NotAfter: now.Add(time.Hour)}
	issued := must(x509.CreateCertificate(rand.Reader, template, template, key.Public(), key))
	certificate := must(x509.ParseCertificate(issued))

	signing := must(dsig.NewSigningContext(crypto.Signer(key), [][]byte{certificate.Raw}))
	letter := etree.NewElement("letter")
	letter.CreateAttr("ID", "one")
	letter.SetText("hello")
	signed := must(signing.SignEnveloped(letter))
	value := signed.FindElement("//SignatureValue")
	der := must(base64.StdEncoding.DecodeString(value.Text()))

	var numbers struct{ R, S *big.Int }
	must(asn1.Unmarshal(der, &numbers))
	raw := make([]byte, 64)
	numbers.R.FillBytes(raw[:32])
	numbers.S.FillBytes(raw[32:])

	fmt.Println("SignatureValue as it comes: ASN.1 DER of two numbers")
	store := &dsig.MemoryX509CertificateStore{Roots: []*x509.Certificate{certificate}}
	validation := dsig.NewDefaultValidationContext(store)
	for _, form := range []struct {
		name  string
		bytes []byte
	}{{"der", der}, {"raw", raw}} {
		value.SetText(base64.StdEncoding.EncodeToString(form.bytes))
		file := form.name + ".xml"
		document := etree.NewDocument()
		document.SetRoot(signed.Copy())
		must(0, document.WriteToFile(file))

		read := etree.NewDocument()
		must(0, read.ReadFromFile(file))
		verdict := "validates"
		if _, err := validation.Validate(read.Root()); err != nil {
			verdict = "refuses"
		}
		fmt.Printf("goxmldsig %s %s\n", verdict, form.name)
	}
}
END
go run . >seen
for form in der raw; do
	verdict=refuses
	if "$root/usr/bin/xmlsec1" --verify --id-attr:ID letter --enabled-key-data key-name,x509 \
		--pubkey-pem key.pem $form.xml >xmlsec1.log 2>&1; then
		verdict=validates
	elif ! grep -q '^SignedInfo References (ok/all): 1/1' xmlsec1.log; then
		verdict="stops before the signature of" # which says nothing about the form
	fi
	echo "xmlsec1 $verdict $form" >>seen
done

expect "goxmldsig writes ECDSA signatures as DER, which xmlsec1 refuses" <<'END'
SignatureValue as it comes: ASN.1 DER of two numbers
goxmldsig validates der
goxmldsig refuses raw
xmlsec1 refuses der
xmlsec1 validates raw
END
