package main

import (
	"context"
	"crypto"
	"crypto/tls"
	"net/http"
	"runtime"
	"time"

	"asynccrypto/asynctls"
	"asynccrypto/engine"
	"asynccrypto/engine/multibuffer"
)

// newEngine returns the engine that signs, with the two settings that protect established
// connections from a storm of handshakes. The spare P does more of the two.
func newEngine() (*engine.Engine, error) {
	// One worker for each processor. So signing may use the whole machine when it has nothing
	// else to do, and no more than that many signatures are computed at a time. Other
	// handshakes wait in line, first in, first out.
	workers := runtime.GOMAXPROCS(0)

	// A spare P. A signature takes up to a millisecond, and Go's scheduler does not interrupt
	// it. If every P were busy with one, a new request would wait for it. With one P more than
	// workers a request finds a P at once, and the system divides the processors between them.
	runtime.GOMAXPROCS(workers + 1)

	// Nice has the system divide them by priority: the workers run on threads of their own,
	// which give way to the threads that answer requests. This takes no privilege. Only Linux
	// has it; elsewhere the spare P has to do.
	//
	// Leave Nice out where other processes keep the machine busy. They come before the workers
	// too, and when the garbage collector stops the program for a moment, it has to wait for a
	// worker that the system does not run. Requests then take longer than without Nice.
	o := multibuffer.Options{Workers: workers}
	if runtime.GOOS == "linux" {
		o.Nice = 10
	}
	return multibuffer.New(o)
}

// maxHandshakes bounds the handshakes under way. Besides the signature each handshake computes
// for a quarter of a millisecond, and competes with requests there: fewer handshakes mean
// shorter lines for the Ps. But a handshake that waits for its client counts too. So the bound
// has to be above handshakes per second times the round trip in seconds: 2,000 a second at 100
// ms are 200. Connections that have not sent a ClientHello are not counted;
// netutil.LimitListener of golang.org/x/net bounds connections.
const maxHandshakes = 1000

// newConfig returns the server's config. An existing server needs only the two lines with
// Signer and asynctls.Config.
func newConfig(cert tls.Certificate, eng *engine.Engine) (*tls.Config, error) {
	// Wrap a key once, when the server starts, and not for each handshake: wrapping prepares
	// the key for the engine.
	signer, err := eng.Signer(cert.PrivateKey.(crypto.Signer))
	if err != nil {
		return nil, err
	}
	cert.PrivateKey = signer
	// asynctls.Config binds each signature to its handshake: when the client has gone or its
	// time is over, the request leaves the engine's line. Everything else, HTTP/2 and session
	// tickets too, works as before.
	return asynctls.Config(&tls.Config{
		Certificates:       []tls.Certificate{cert},
		GetConfigForClient: bounded(maxHandshakes),
	}), nil
}

// bounded returns a GetConfigForClient that lets n handshakes be under way and changes nothing
// else. Other handshakes wait in it, each on its goroutine, until their time is over.
// crypto/tls calls it when it has read a ClientHello, and promises to cancel the context at the
// end of the handshake, successful or not.
func bounded(n int) func(*tls.ClientHelloInfo) (*tls.Config, error) {
	underWay := make(chan struct{}, n)
	return func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		select {
		case underWay <- struct{}{}:
			context.AfterFunc(hello.Context(), func() { <-underWay })
			return nil, nil
		case <-hello.Context().Done():
			return nil, hello.Context().Err()
		}
	}
}

// newServer returns the server.
func newServer(config *tls.Config, h http.Handler) *http.Server {
	return &http.Server{
		Handler:   h,
		TLSConfig: config,
		// This bounds handshakes too: net/http takes the shortest of it, ReadTimeout and
		// WriteTimeout. Without a bound half-open connections stay for ever.
		ReadHeaderTimeout: 10 * time.Second,
		// A kept connection saves its client a handshake, and costs about 26 KB.
		IdleTimeout: 2 * time.Minute,
	}
}
