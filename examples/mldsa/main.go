//go:build go1.27

// Mldsa serves TLS 1.3 that is safe from quantum computers on both sides of the handshake: an
// authority with an ML-DSA-65 key issues a certificate for an ML-DSA-44 key, and an ML-KEM key
// exchange agrees on the secret. An engine signs for both keys, as it does for RSA or ECDSA.
//
//	go run ./examples/mldsa
//
// It needs Go 1.27. It makes connections to its own server, prints what the first one has
// negotiated, and ends. With -addr ADDRESS it serves there until it is interrupted; -ca FILE
// writes the authority's certificate for clients, such as curl 8 with OpenSSL 3.5:
//
//	go run ./examples/mldsa -addr 127.0.0.1:8443 -ca ca.pem
//	curl --cacert ca.pem https://127.0.0.1:8443/
package main

import (
	"cmp"
	"context"
	"crypto"
	"crypto/mldsa"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"asynccrypto/asynctls"
	"asynccrypto/engine"
	"asynccrypto/engine/workers"
)

func main() {
	addr := flag.String("addr", "", "`address` to serve on until interrupted, instead of a trial of its own")
	ca := flag.String("ca", "", "`file` for the authority's certificate, PEM")
	flag.Parse()
	if err := run(os.Stdout, *addr, *ca); err != nil {
		fmt.Fprintln(os.Stderr, "mldsa:", err)
		os.Exit(1)
	}
}

// trialConnections is how many connections the example makes to itself without -addr.
const trialConnections = 100

func run(out io.Writer, addr, caFile string) error {
	eng, err := workers.New(workers.Options{})
	if err != nil {
		return err
	}
	defer eng.Close()
	root, cert, err := issue(eng)
	if err != nil {
		return err
	}
	if caFile != "" {
		text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.Raw})
		if err := os.WriteFile(caFile, text, 0o644); err != nil {
			return err
		}
	}
	listener, err := net.Listen("tcp", cmp.Or(addr, "127.0.0.1:0"))
	if err != nil {
		return err
	}
	server := newServer(cert)
	served := make(chan error, 1)
	go func() { served <- server.ServeTLS(listener, "", "") }() // no files: the configuration has the certificate
	if addr == "" {
		err = try(out, listener.Addr().String(), root)
	} else {
		log.Printf("https://%s/; ctrl-C ends it", listener.Addr())
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		<-ctx.Done()
	}
	// Not Close: the server's side of the last handshake may still be under way.
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	shutdownErr := server.Shutdown(ctx)
	if serveErr := <-served; !errors.Is(serveErr, http.ErrServerClosed) {
		return serveErr
	}
	return errors.Join(err, shutdownErr)
}

// issue makes the authority and a certificate for this machine. An authority keeps its key to
// itself; here both keys are on one engine, to keep the example short.
func issue(eng *engine.Engine) (root *x509.Certificate, cert tls.Certificate, err error) {
	authority, err := newKey(eng, mldsa.MLDSA65())
	if err != nil {
		return nil, cert, err
	}
	now := time.Now()
	rootTemplate := &x509.Certificate{
		Subject:               pkix.Name{CommonName: "Example authority, ML-DSA-65"},
		SerialNumber:          big.NewInt(1),
		NotBefore:             now.Add(-time.Hour),
		NotAfter:              now.AddDate(10, 0, 0),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign,
	}
	if root, err = sign(rootTemplate, rootTemplate, authority.Public(), authority); err != nil {
		return nil, cert, err
	}
	key, err := newKey(eng, mldsa.MLDSA44())
	if err != nil {
		return nil, cert, err
	}
	leaf, err := sign(&x509.Certificate{
		Subject:     pkix.Name{CommonName: "localhost"},
		DNSNames:    []string{"localhost"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		NotBefore:   now.Add(-time.Hour),
		NotAfter:    now.AddDate(0, 3, 0),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, root, key.Public(), authority)
	return root, tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key, Leaf: leaf}, err
}

// newKey makes a key and wraps it.
func newKey(eng *engine.Engine, params mldsa.Parameters) (engine.Signer, error) {
	key, err := mldsa.GenerateKey(params)
	if err != nil {
		return nil, err
	}
	return eng.Signer(key)
}

// sign issues a certificate. Without a SerialNumber it gets a random one.
func sign(template, parent *x509.Certificate, public crypto.PublicKey, authority crypto.Signer) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, authority)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

// keyExchanges are all of ML-KEM, alone and together with an elliptic curve. MLKEM1024 has to be
// asked for; the others are on by default, before the curves alone, which are left out here.
var keyExchanges = []tls.CurveID{tls.X25519MLKEM768, tls.SecP256r1MLKEM768, tls.SecP384r1MLKEM1024, tls.MLKEM1024}

func newServer(cert tls.Certificate) *http.Server {
	config := &tls.Config{
		Certificates:     []tls.Certificate{cert},
		MinVersion:       tls.VersionTLS13, // ML-DSA and ML-KEM are not defined for older ones
		CurvePreferences: keyExchanges,
	}
	return &http.Server{
		TLSConfig:         asynctls.Config(config), // hands each handshake's context to the wrapped key
		Handler:           http.HandlerFunc(hello),
		ReadHeaderTimeout: 10 * time.Second,
	}
}

func hello(w http.ResponseWriter, r *http.Request) {
	fmt.Fprintf(w, "hello over %v, key exchange %v\n", tls.VersionName(r.TLS.Version), r.TLS.CurveID)
}

// try makes connections to the server, which verify the certificate, and prints the first one's
// properties.
func try(out io.Writer, addr string, root *x509.Certificate) error {
	roots := x509.NewCertPool()
	roots.AddCert(root)
	config := &tls.Config{RootCAs: roots}
	began := time.Now()
	for i := range trialConnections {
		conn, err := tls.Dial("tcp", addr, config)
		if err != nil {
			return err
		}
		state := conn.ConnectionState()
		if err := conn.Close(); err != nil {
			return err
		}
		if i == 0 {
			cert := state.PeerCertificates[0]
			fmt.Fprintf(out, "%v, key exchange %v, certificate %v of %d bytes, signed with %v\n", tls.VersionName(state.Version),
				state.CurveID, cert.PublicKey.(*mldsa.PublicKey).Parameters(), len(cert.Raw), cert.SignatureAlgorithm)
		}
	}
	took := time.Since(began)
	fmt.Fprintf(out, "%d handshakes, one after the other, in %v\n", trialConnections, took.Round(time.Millisecond))
	return nil
}
