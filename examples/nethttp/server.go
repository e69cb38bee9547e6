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

// newEngine returns the engine that signs, with the two settings that keep a storm of handshakes away from established
// connections. Of the two the spare P does more.
func newEngine() (*engine.Engine, error) {
	// As many workers as the machine gives: signing may have all of it when nothing else is to be done. And no more than
	// that signs at a time, however many handshakes want to; the others wait in line, first in, first out.
	workers := runtime.GOMAXPROCS(0)

	// A P to spare. A signature takes a millisecond, and Go's scheduler lets it: were every P busy with one, a request
	// that comes in would wait for all of them. With one P more than workers a request always finds a P at once, and then
	// it is the system that shares out the processors.
	runtime.GOMAXPROCS(workers + 1)

	// The system does so by priority. Nice puts the workers on threads of their own, which give way to the threads that
	// answer requests. It takes no privilege. It is there on Linux alone; elsewhere the spare P has to do.
	//
	// Leave it out where other processes keep the machine busy: they come before the workers too, and when the garbage
	// collector stops the program for a moment, it has to wait for a worker that the system does not let run. Requests then
	// take longer than without Nice.
	o := multibuffer.Options{Workers: workers}
	if runtime.GOOS == "linux" {
		o.Nice = 10
	}
	return multibuffer.New(o)
}

// maxHandshakes bounds the handshakes under way. Besides the signature each computes for a quarter of a millisecond, and
// there it competes with requests: fewer mean shorter lines before the Ps. But a handshake that waits for its client has a
// place as well, so the bound has to be above handshakes per second times the seconds that a client is away: 2,000 a second
// at 100 ms are 200. Connections that have not sent a ClientHello are not counted; netutil.LimitListener of
// golang.org/x/net bounds connections.
const maxHandshakes = 1000

// newConfig returns the server's config. The two lines that an existing server needs are those with Signer and with
// asynctls.Config.
func newConfig(cert tls.Certificate, eng *engine.Engine) (*tls.Config, error) {
	signer, err := eng.Signer(cert.PrivateKey.(crypto.Signer))
	if err != nil {
		return nil, err
	}
	cert.PrivateKey = signer
	// asynctls.Config binds each signature to its handshake: when a client has gone, or its time is over, what it asked
	// for leaves the line. All else, HTTP/2 and session tickets too, is as it was.
	return asynctls.Config(&tls.Config{
		Certificates:       []tls.Certificate{cert},
		GetConfigForClient: bounded(maxHandshakes),
	}), nil
}

// bounded returns a GetConfigForClient that changes nothing but lets only n handshakes be under way; others wait there, a
// goroutine each, as long as their time lasts. crypto/tls calls it when it has read a ClientHello, and promises to cancel
// the context when the handshake is over, well or not.
func bounded(n int) func(*tls.ClientHelloInfo) (*tls.Config, error) {
	places := make(chan struct{}, n)
	return func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		select {
		case places <- struct{}{}:
			context.AfterFunc(hello.Context(), func() { <-places })
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
		// The time for a handshake, too: net/http takes the shortest of this, ReadTimeout and WriteTimeout. Without one
		// half-open connections stay for ever.
		ReadHeaderTimeout: 10 * time.Second,
		// A kept connection saves its client a handshake, and costs some 26 KB.
		IdleTimeout: 2 * time.Minute,
	}
}
