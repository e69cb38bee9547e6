// Gnet is an echo server with TLS on gnet (github.com/panjf2000/gnet): its event loops carry the bytes, asynctls runs
// crypto/tls on them without ever blocking, and an engine signs beside them, RSA eight at a time where the CPU can.
//
//	go run . -addr 127.0.0.1:8443
//	openssl s_client -connect 127.0.0.1:8443
//
// Without -cert and -key it makes a certificate to throw away, and says so. tls.go is what it takes to bring TLS to gnet,
// server.go the rest: bounds, deadlines, and an application that echoes.
//
// Limits are gnet's: it has no way to stop reading from a connection, so one that sends and sends, and takes no answers, is
// dropped; it does not tell when it has sent what it holds, so this is asked for every few milliseconds; it ends a
// connection whose peer has shut down its sending side, with what was under way for it; and it gives established
// connections no precedence over handshakes. tlsserver.Server has none of these.
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
	certFile := flag.String("cert", "", "certificate `file`, PEM; with -key. Without, one is made to be thrown away")
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
			log.Printf("echoing on %s; ctrl-C ends it", addr)
			context.AfterFunc(ctx, func() { e.Stop(context.Background()) })
		},
	}
	return s.run("tcp://"+addr, gnet.WithNumEventLoop(loops))
}
