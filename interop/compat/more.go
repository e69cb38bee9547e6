package main

import (
	"context"
	"crypto"
	"crypto/x509"

	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/confidential"
	fosite "github.com/ory/fosite/token/jwt"
	"github.com/pion/webrtc/v4"
	stepjose "go.step.sm/crypto/jose"
	"go.step.sm/crypto/x509util"
	k8scert "k8s.io/client-go/util/cert"
)

var authorities = []check{
	{"go.step.sm/crypto", "x509util CreateCertificate", func(key crypto.Signer) error {
		cert, err := x509util.CreateCertificate(template(), template(), key.Public(), key)
		if err != nil {
			return err
		}
		return invalid(cert.CheckSignatureFrom(cert))
	}},
	{"k8s.io/client-go", "util/cert NewSelfSignedCACert", func(key crypto.Signer) error {
		cert, err := k8scert.NewSelfSignedCACert(k8scert.Config{CommonName: "ca"}, key)
		if err != nil {
			return err
		}
		return invalid(cert.CheckSignatureFrom(cert))
	}},
	{"github.com/pion/webrtc/v4", "GenerateCertificate", func(key crypto.Signer) error {
		_, err := webrtc.GenerateCertificate(key)
		return err
	}},
}

var issuers = []check{
	{"go.step.sm/crypto", "jose.NewSigner", func(key crypto.Signer) error { return signStep(key, "RS256") }},
	{"go.step.sm/crypto", "jose.NewSigner, PS256", func(key crypto.Signer) error { return signStep(key, "PS256") }},
	{"github.com/ory/fosite", "token/jwt DefaultSigner", func(key crypto.Signer) error {
		alg, err := algorithm(key, "RS256")
		if err != nil {
			return err
		}
		signer := &fosite.DefaultSigner{GetPrivateKey: func(context.Context) (any, error) { return key, nil }}
		token, _, err := signer.Generate(ctx, fosite.MapClaims{"sub": "alice"}, fosite.NewHeaders())
		if err != nil {
			return err
		}
		return verifyStrictly(token, key, alg)
	}},
	{"github.com/AzureAD/microsoft-authentication-library-for-go", "NewCredFromCert", func(key crypto.Signer) error {
		cert, err := certificate(key)
		if err != nil {
			return err
		}
		_, err = confidential.NewCredFromCert([]*x509.Certificate{cert}, key)
		return err
	}},
}

func signStep(key crypto.Signer, forRSA string) error {
	alg, err := algorithm(key, forRSA)
	if err != nil {
		return err
	}
	signer, err := stepjose.NewSigner(stepjose.SigningKey{Algorithm: stepjose.SignatureAlgorithm(alg), Key: key}, nil)
	if err != nil {
		return err
	}
	object, err := signer.Sign([]byte("payload"))
	if err != nil {
		return err
	}
	token, err := object.CompactSerialize()
	if err != nil {
		return err
	}
	return verifyStrictly(token, key, alg)
}
