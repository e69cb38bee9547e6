package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"asynccrypto/asynctls/tlsserver"
)

// httpService serves files, or the page about the connection, by net/http. All that is not plain there is its tls.Config.
type httpService struct {
	server http.Server
	what   string
	conns  atomic.Int64
	// shaking has the connections whose handshake is not known to be done: net/http says so when a request comes, and
	// over HTTP/2 at once.
	shaking                                                   sync.Map
	accepted, handshakes, resumed, failed, timedOut, canceled atomic.Uint64
}

func newHTTPService(o *serveOptions, config *tls.Config, keys *serveKeys, l *serveLog) (*httpService, error) {
	s := &httpService{}
	var handler http.Handler = http.HandlerFunc(keys.page)
	what := "a page about the connection, there being no -root DIR and no -proxy ADDR"
	if o.root != "" {
		files, err := newFiles(o.root)
		if err != nil {
			return nil, usagef("-root %s: %w", o.root, cause(err))
		}
		handler = files
		what = fmt.Sprintf("the files in %s; those whose names begin with a dot are hidden, but .well-known", o.root)
	}
	s.what = fmt.Sprintf("serving %s; HTTP/2 and HTTP/1.1, GOMAXPROCS %d", what, runtime.GOMAXPROCS(0))
	s.server = http.Server{
		Handler:           noLongerThan(o.idle, getOnly(handler)),
		TLSConfig:         config,
		ReadHeaderTimeout: 10 * time.Second, // of handshakes too
		IdleTimeout:       o.idle,
		HTTP2:             &http.HTTP2Config{WriteByteTimeout: o.idle}, // else one that takes nothing stays when its streams have gone
		ErrorLog:          log.New(httpErrors{s, l}, "", 0),
		ConnState:         s.connState,
	}
	return s, nil
}

func (s *httpService) describe() string { return s.what }

func (s *httpService) connState(c net.Conn, state http.ConnState) {
	if state == http.StateNew {
		s.accepted.Add(1)
		s.conns.Add(1)
		s.shaking.Store(c, nil)
		return
	}
	if _, first := s.shaking.LoadAndDelete(c); first {
		if t := c.(*tls.Conn).ConnectionState(); t.HandshakeComplete {
			s.handshakes.Add(1)
			if t.DidResume {
				s.resumed.Add(1)
			}
		}
	}
	if state == http.StateClosed || state == http.StateHijacked {
		s.conns.Add(-1)
	}
}

func (s *httpService) connections() int { return int(s.conns.Load()) }

// Stats implements metrics.Server. There are no jobs: net/http has a goroutine for each connection.
func (s *httpService) Stats() tlsserver.Stats {
	shaking := 0
	s.shaking.Range(func(any, any) bool { shaking++; return true })
	return tlsserver.Stats{
		Accepted:    s.accepted.Load(),
		Handshakes:  s.handshakes.Load(),
		Resumed:     s.resumed.Load(),
		Failed:      s.failed.Load(),
		TimedOut:    s.timedOut.Load(),
		Canceled:    s.canceled.Load(),
		Handshaking: shaking,
		Open:        max(0, s.connections()-shaking),
	}
}

// handshakeFailed accounts for one that net/http has logged.
func (s *httpService) handshakeFailed(cause string) {
	switch {
	case cause == notInTime:
		s.timedOut.Add(1)
	case strings.Contains(cause, "use of closed network connection"): // by us
		s.canceled.Add(1)
	default:
		s.failed.Add(1)
	}
}

func (s *httpService) serve(ln net.Listener) error {
	if err := s.server.ServeTLS(ln, "", ""); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func (s *httpService) shutdown(ctx context.Context) error {
	err := s.server.Shutdown(ctx)
	if err == nil || ctx.Err() == nil {
		return err
	}
	left := s.connections()
	s.server.Close()
	return fmt.Errorf("%s %w", count(left, "connection"), errNotDrained)
}

// getOnly refuses what a server of files has no use for.
func getOnly(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "only GET and HEAD", http.StatusMethodNotAllowed)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// noLongerThan gives a client that long for the body of its request, and for each piece of the response: net/http's
// IdleTimeout is about the time between requests only, and WriteTimeout about the whole response.
func noLongerThan(d time.Duration, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := http.NewResponseController(w)
		if r.ContentLength != 0 { // nobody reads it but net/http, after the handler
			c.SetReadDeadline(time.Now().Add(d))
		}
		c.SetWriteDeadline(time.Now().Add(d))
		h.ServeHTTP(&untilWriter{w, c, d}, r)
	})
}

// untilWriter puts the deadline off with each write.
type untilWriter struct {
	http.ResponseWriter
	c *http.ResponseController
	d time.Duration
}

func (w *untilWriter) Write(p []byte) (int, error) {
	w.c.SetWriteDeadline(time.Now().Add(w.d))
	return w.ResponseWriter.Write(p)
}

// page says what this connection has negotiated, and what the engine has done. It is for a first try.
func (k *serveKeys) page(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	t := r.TLS
	resumed := "no, a full handshake"
	if t.DidResume {
		resumed = "yes, by a session ticket"
	}
	fmt.Fprintf(w, "asynccrypto serve, on its own: give it -root DIR or -proxy ADDR to serve something\n\n")
	fmt.Fprintf(w, "protocol     %s\nversion      %s\ncipher       %s\nkey exchange %s\nresumed      %s\n",
		r.Proto, tls.VersionName(t.Version), tls.CipherSuiteName(t.CipherSuite), curveName(t.CurveID), resumed)
	if k.engine == nil {
		fmt.Fprintf(w, "engine       none\n")
		return
	}
	s := k.engine.Stats()
	fmt.Fprintf(w, "engine       %s: %d operations done, %d failed, %d of them computed up to eight at a time; mean batch %.1f\n",
		k.kind.name, s.Completed, s.Failed, s.Vectorized, s.MeanBatch())
}

// httpErrors is where net/http logs. It has no other word for a handshake that failed.
type httpErrors struct {
	s *httpService // counts those; nil for a server without TLS
	l *serveLog
}

func (e httpErrors) Write(p []byte) (int, error) {
	line := strings.TrimSpace(string(p))
	if rest, ok := strings.CutPrefix(line, "http: TLS handshake error from "); ok {
		if peer, why, ok := strings.Cut(rest, ": "); ok {
			cause := handshakeCause(why)
			e.s.handshakeFailed(cause)
			e.l.failed("handshake failed", peer, cause)
			return len(p), nil
		}
	}
	e.l.failed("net/http", "a connection", strings.TrimPrefix(line, "http: "))
	return len(p), nil
}
