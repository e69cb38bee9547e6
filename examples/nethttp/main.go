// Nethttp is an ordinary net/http server, HTTP/1.1 and HTTP/2, that keeps answering on
// established connections during a storm of handshakes. An engine signs for it, RSA eight at a
// time where the CPU can, at a lower priority than the rest.
//
//	go run ./examples/nethttp
//	curl -k https://127.0.0.1:8443/
//
// server.go has the settings, with the reason for each. Without -cert and -key the server makes
// a certificate that is good for trying it out.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8443", "`address` to listen on")
	certFile := flag.String("cert", "", "certificate `file`, PEM; together with -key")
	keyFile := flag.String("key", "", "private key `file`, PEM")
	flag.Parse()
	if err := run(*addr, *certFile, *keyFile); err != nil {
		fmt.Fprintln(os.Stderr, "nethttp:", err)
		os.Exit(1)
	}
}

func run(addr, certFile, keyFile string) error {
	cert, err := certificate(certFile, keyFile)
	if err != nil {
		return err
	}
	eng, err := newEngine()
	if err != nil {
		return err
	}
	defer eng.Close()
	config, err := newConfig(cert, eng)
	if err != nil {
		return err
	}
	srv := newServer(config, http.HandlerFunc(hello))
	srv.Addr = addr

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	drained := make(chan error, 1)
	context.AfterFunc(ctx, func() {
		// The engine is closed after this, when requests under way have been answered and
		// handshakes have ended.
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		drained <- srv.Shutdown(ctx)
	})
	log.Printf("try: curl -k https://%s/; ctrl-C ends it", addr)
	// The file names are empty because config has the certificate.
	if err := srv.ListenAndServeTLS("", ""); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	err = <-drained
	s := eng.Stats()
	log.Printf("%d signatures, %d of them eight at a time", s.Completed, s.Vectorized)
	return err
}

func hello(w http.ResponseWriter, r *http.Request) { fmt.Fprintln(w, "hello over", r.Proto) }
