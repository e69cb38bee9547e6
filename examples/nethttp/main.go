// Nethttp is an ordinary net/http server, HTTP/1.1 and HTTP/2, that goes on answering on established connections while a
// storm of handshakes goes on: an engine signs, RSA eight at a time where the CPU can, at a lower priority than the rest.
//
//	go run . -addr 127.0.0.1:8443
//	curl -k https://127.0.0.1:8443/
//
// Without -cert and -key it makes a certificate to throw away, and says so. server.go has the settings, with the reason for
// each.
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
	certFile := flag.String("cert", "", "certificate `file`, PEM; with -key. Without, one is made to be thrown away")
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
		// Requests under way are answered, and handshakes may end, before the engine is closed.
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		drained <- srv.Shutdown(ctx)
	})
	log.Printf("https://%s/; ctrl-C ends it", addr)
	if err := srv.ListenAndServeTLS("", ""); !errors.Is(err, http.ErrServerClosed) { // no files: config has the certificate
		return err
	}
	err = <-drained
	s := eng.Stats()
	log.Printf("%d signatures, %d of them eight at a time", s.Completed, s.Vectorized)
	return err
}

func hello(w http.ResponseWriter, r *http.Request) { fmt.Fprintln(w, "hello over", r.Proto) }
