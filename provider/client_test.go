//go:build linux

package provider

import (
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"testing"
)

// clients runs a program that makes requests with a certificate, whose key is a handle. After args the
// program is given a URL, the certificate, the handle, the CA and the number of requests, each of which
// is to have a connection of its own.
func clients(t *testing.T, name string, args ...string) {
	t.Helper()
	need(t, name)
	k := newKeyServer(t)
	k.start()
	env := []string{"OPENSSL_CONF=" + k.config(plain)}
	for _, version := range versions {
		url, requests := wantsCertificate(t, version)
		for _, key := range []string{"rsa2048", "p256", "ed25519"} {
			n, asked, signed := repetitions(2, 10), requests.Load(), k.signatures()
			run(t, env, name, append(args, url, keyFile(t, key+".cert.pem"), keyFile(t, key+".handle.pem"), keyFile(t, "ca.pem"), strconv.Itoa(n))...)
			asked, signed = requests.Load()-asked, k.signatures()-signed
			if int(asked) != n || signed != n {
				t.Errorf("%s, %s: %d requests and %d signatures, not %d", key, tls.VersionName(version), asked, signed, n)
			}
		}
	}
}

// wantsCertificate serves requests of clients with a certificate until the end of the test. It returns
// its URL, and the number of requests.
func wantsCertificate(t *testing.T, version uint16) (url string, requests *atomic.Int32) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	requests = new(atomic.Int32)
	s := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.TLS.VerifiedChains != nil {
				requests.Add(1)
			}
			fmt.Fprint(w, "hello")
		}),
		ErrorLog: log.New(io.Discard, "", 0),
		TLSConfig: &tls.Config{
			Certificates: []tls.Certificate{authority().Issue(t, "localhost", "127.0.0.1")},
			ClientAuth:   tls.RequireAndVerifyClientCert,
			ClientCAs:    authority().Pool,
			MinVersion:   version, MaxVersion: version,
			SessionTicketsDisabled: true,
		},
	}
	s.SetKeepAlivesEnabled(false)
	go s.ServeTLS(l, "", "")
	t.Cleanup(func() { s.Close() })
	return "https://" + l.Addr().String() + "/", requests
}
