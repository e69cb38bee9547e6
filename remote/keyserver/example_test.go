//go:build linux || darwin || freebsd

package keyserver_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log"
	"net"
	"os"
	"path/filepath"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"asynccrypto/engine/multibuffer"
	"asynccrypto/remote/keyserver"
)

// A server for the programs of this machine that run as the same user.
func Example() {
	eng, err := multibuffer.New(multibuffer.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer eng.Close()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		log.Fatal(err)
	}
	signer, err := eng.Signer(key)
	if err != nil {
		log.Fatal(err)
	}
	server, err := keyserver.New(keyserver.Config{
		Keys:  map[string]crypto.Signer{"web": signer},
		Allow: fmt.Appendf(nil, "allow uid:%d sign:sha256,sha384,pss web\n", os.Getuid()),
	})
	if err != nil {
		log.Fatal(err)
	}

	dir, err := os.MkdirTemp("", "keyserver")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	l, err := net.Listen("unix", filepath.Join(dir, "socket"))
	if err != nil {
		log.Fatal(err)
	}
	served := make(chan error)
	go func() { served <- server.ServeUnix(l) }()

	// Clients connect: see package remote. In the end, on a signal, the server drains.
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		log.Fatal(err)
	}
	fmt.Println(<-served)
	// Output: keyserver: closed
}

// A server for clients of the network, by mutual TLS 1.3. They are known by the names in their
// certificates, which an authority of their own has issued.
func ExampleServer_RegisterGRPC() {
	serve := func(server *keyserver.Server, l net.Listener, certificate tls.Certificate, clients *x509.CertPool) error {
		creds := credentials.NewTLS(&tls.Config{
			MinVersion:   tls.VersionTLS13,
			Certificates: []tls.Certificate{certificate},
			ClientAuth:   tls.RequireAndVerifyClientCert,
			ClientCAs:    clients,
		})
		g := grpc.NewServer(append(keyserver.ServerOptions(), grpc.Creds(server.Credentials(creds)))...)
		server.RegisterGRPC(g)
		return g.Serve(l)
	}
	_ = serve
}
