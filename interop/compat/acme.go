package main

import (
	"context"
	"crypto"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"

	legoacme "github.com/go-acme/lego/v5/acme"
	"github.com/go-acme/lego/v5/lego"
	legolog "github.com/go-acme/lego/v5/log"
	"github.com/go-acme/lego/v5/registration"
	"github.com/mholt/acmez/v3/acme"
	xacme "golang.org/x/crypto/acme"
)

var accounts = []check{
	{"golang.org/x/crypto", "acme Client.Register", func(key crypto.Signer) error {
		return register(key, func(directory string, http *http.Client) error {
			client := &xacme.Client{Key: key, DirectoryURL: directory, HTTPClient: http}
			_, err := client.Register(context.Background(), &xacme.Account{}, xacme.AcceptTOS)
			return err
		})
	}},
	{"github.com/mholt/acmez/v3", "acme Client.NewAccount", func(key crypto.Signer) error {
		return register(key, func(directory string, http *http.Client) error {
			client := &acme.Client{Directory: directory, HTTPClient: http}
			_, err := client.NewAccount(context.Background(), acme.Account{PrivateKey: key, TermsOfServiceAgreed: true})
			return err
		})
	}},
	{"github.com/go-acme/lego/v5", "account key", func(key crypto.Signer) error {
		return register(key, func(directory string, http *http.Client) error {
			legolog.SetDefault(slog.New(slog.DiscardHandler))
			config := lego.NewConfig(legoUser{key})
			config.CADirURL, config.HTTPClient = directory, http
			client, err := lego.NewClient(config)
			if err != nil {
				return err
			}
			_, err = client.Registration.Register(context.Background(), registration.RegisterOptions{TermsOfServiceAgreed: true})
			return err
		})
	}},
}

// register registers an account at a server that judges the signature of the request.
func register(key crypto.Signer, client func(directory string, http *http.Client) error) error {
	verified := errors.New("no account was asked for")
	mux := http.NewServeMux()
	server := httptest.NewTLSServer(mux)
	defer server.Close()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Replay-Nonce", "nonce")
		json.NewEncoder(w).Encode(map[string]string{
			"newNonce": server.URL + "/nonce", "newAccount": server.URL + "/account", "newOrder": server.URL + "/order",
			"revokeCert": server.URL + "/revoke", "keyChange": server.URL + "/key",
		})
	})
	mux.HandleFunc("/account", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Replay-Nonce", "nonce")
		w.Header().Set("Location", server.URL+"/account/1")
		var object struct{ Protected, Payload, Signature string }
		if verified = json.NewDecoder(r.Body).Decode(&object); verified == nil {
			verified = verifyJOSE(object.Protected+"."+object.Payload+"."+object.Signature, key.Public())
		}
		w.WriteHeader(http.StatusCreated)
		fmt.Fprint(w, `{"status":"valid"}`)
	})
	if err := client(server.URL, server.Client()); err != nil {
		return err
	}
	return invalid(verified)
}

// legoUser implements registration.User, as users of lego do.
type legoUser struct{ key crypto.Signer }

func (u legoUser) GetEmail() string                           { return "a@host.example" }
func (u legoUser) GetRegistration() *legoacme.ExtendedAccount { return nil }
func (u legoUser) GetPrivateKey() crypto.Signer               { return u.key }
