// Epoll is an echo server with TLS on an event loop of one's own: one goroutine,
// level-triggered epoll, and an asynctls.Conn over each socket. An engine signs on other
// goroutines, so that a handshake never holds up the loop.
//
//	go run ./examples/epoll
//	openssl s_client -connect 127.0.0.1:8443
//
// loop_linux.go is the loop, conn_linux.go has the answer to each of the four ErrWant errors.
// Without -cert and -key the server makes a certificate that is good for trying it out.
//
// With -cpuprofile FILE it records a CPU profile until it ends. A profile that was taken under
// a load like that of production, saved as default.pgo beside a program's main package, lets
// the Go compiler inline the calls that matter most: see https://go.dev/doc/pgo. The
// default.pgo of this folder was made so.
package main

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"flag"
	"fmt"
	"log"
	"math/big"
	"net"
	"os"
	"os/signal"
	"runtime/pprof"
	"syscall"
	"time"

	"asynccrypto/asynctls"
	"asynccrypto/engine/multibuffer"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8443", "`address` to listen on")
	certFile := flag.String("cert", "", "certificate `file`, PEM; together with -key")
	keyFile := flag.String("key", "", "private key `file`, PEM")
	profile := flag.String("cpuprofile", "", "`file` to write a CPU profile to")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *addr, *certFile, *keyFile, *profile); err != nil {
		fmt.Fprintln(os.Stderr, "epoll:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, addr, certFile, keyFile, profile string) error {
	cert, err := certificate(certFile, keyFile)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	if profile != "" {
		f, err := os.Create(profile)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	log.Printf("echoing; try: openssl s_client -connect %s; ctrl-C ends it", listener.Addr())
	return serve(ctx, listener.(*net.TCPListener), cert)
}

// serve wraps the certificate's key and runs a loop until ctx is done. It closes listener.
func serve(ctx context.Context, listener *net.TCPListener, cert tls.Certificate) error {
	l, err := newLoop(listener)
	if err != nil {
		return err
	}
	defer l.close()
	eng, err := multibuffer.New(multibuffer.Options{})
	if err != nil {
		return err
	}
	defer eng.Close() // before l.close: until then a wake may be on its way to the loop

	// Wrap a key once, when the server starts, and not for each handshake.
	if cert.PrivateKey, err = eng.Signer(cert.PrivateKey.(crypto.Signer)); err != nil {
		return err
	}
	l.config = asynctls.Config(&tls.Config{Certificates: []tls.Certificate{cert}})

	defer context.AfterFunc(ctx, l.stop)()
	err = l.run()
	log.Printf("%d handshakes, %d of them resumed, in %d turns of the loop", l.handshakes, l.resumed, l.turns)
	return err
}

// certificate reads a certificate and its key. Without files it makes one for localhost that
// lasts a day.
func certificate(certFile, keyFile string) (cert tls.Certificate, err error) {
	switch {
	case certFile != "" && keyFile != "":
		return tls.LoadX509KeyPair(certFile, keyFile)
	case certFile != "" || keyFile != "":
		return cert, errors.New("-cert and -key belong together; give both, or neither to try it out")
	}
	log.Print("no -cert and -key: using a new RSA-2048 certificate for localhost, which no client trusts")
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return cert, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()),
		Subject:      pkix.Name{CommonName: "localhost"},
		DNSNames:     []string{"localhost"},
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(24 * time.Hour),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}
