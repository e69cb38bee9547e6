// Gnet is an echo server with TLS on gnet (github.com/panjf2000/gnet). gnet's event loops carry
// the bytes, asynctls runs crypto/tls on them without ever blocking, and an engine signs on
// other goroutines, RSA eight at a time where the CPU can.
//
//	go run ./examples/gnet
//	openssl s_client -connect 127.0.0.1:8443
//
// tls.go brings TLS to gnet. server.go has the rest: bounds, deadlines, and an application that
// echoes. Without -cert and -key the server makes a certificate that is good for trying it out.
//
// gnet sets four limits. This project's own TLS server, asynctls/tlsserver, has none of them.
//
//   - gnet can't stop reading from a connection. A peer that keeps sending and takes no answers
//     is dropped.
//   - gnet does not report that it has sent what it holds. The server asks every few
//     milliseconds.
//   - gnet closes a connection when the peer shuts down its sending side. Answers under way are
//     lost.
//   - gnet gives established connections no precedence over handshakes.
package main

import (
	"context"
	"crypto"
	"crypto/tls"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"syscall"
	"time"

	"asynccrypto/asynctls"
	"asynccrypto/engine/multibuffer"

	"github.com/panjf2000/gnet/v2"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8443", "`address` to listen on")
	certFile := flag.String("cert", "", "certificate `file`, PEM; together with -key")
	keyFile := flag.String("key", "", "private key `file`, PEM")
	loops := flag.Int("loops", 1, "event loops")
	flag.Parse()
	if err := serve(*addr, *certFile, *keyFile, *loops); err != nil {
		fmt.Fprintln(os.Stderr, "gnet:", err)
		os.Exit(1)
	}
}

func serve(addr, certFile, keyFile string, loops int) error {
	cert, err := certificate(certFile, keyFile)
	if err != nil {
		return err
	}
	eng, err := multibuffer.New(multibuffer.Options{})
	if err != nil {
		return err
	}
	defer eng.Close()
	// Wrap a key once, when the server starts, and not for each handshake: wrapping prepares
	// the key for the engine.
	if cert.PrivateKey, err = eng.Signer(cert.PrivateKey.(crypto.Signer)); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	s := &server{
		config:  asynctls.Config(&tls.Config{Certificates: []tls.Certificate{cert}}),
		options: asynctls.Options{HandshakeTimeout: 10 * time.Second, IdleTimeout: 5 * time.Minute},
		tick:    time.Second,
		booted: func(e gnet.Engine) {
			log.Printf("echoing; try: openssl s_client -connect %s; ctrl-C ends it", addr)
			context.AfterFunc(ctx, func() { e.Stop(context.Background()) })
		},
	}
	// Without SO_REUSEADDR the server could not be started again for a minute after it has closed
	// a connection.
	return s.run("tcp://"+addr, gnet.WithNumEventLoop(loops), gnet.WithReuseAddr(true))
}
