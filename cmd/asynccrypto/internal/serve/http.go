package serve

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"asynccrypto/asynctls/tlsserver"
	"asynccrypto/cmd/asynccrypto/internal/cli"
	"asynccrypto/cmd/asynccrypto/internal/eventlog"
	"asynccrypto/cmd/asynccrypto/internal/failure"
	"asynccrypto/internal/measure"
)

// httpService serves files, or the page about the connection, by net/http. Only its tls.Config
// differs from that of an ordinary HTTPS server.
type httpService struct {
	server http.Server
	what   string
	root   *os.Root      // of the files; nil without -root
	places chan struct{} // holds one for each connection; nil without -max-conns
	conns  atomic.Int64
	// handshaking holds the connections whose handshake is not known to be done. net/http tells
	// when a request comes and, over HTTP/2, at once.
	handshaking                                               sync.Map
	accepted, handshakes, resumed, failed, timedOut, canceled atomic.Uint64
}

func newHTTPService(o *options, config *tls.Config, keys *keys, log *eventlog.Log) (*httpService, error) {
	s := &httpService{}
	if o.maxConns > 0 {
		s.places = make(chan struct{}, o.maxConns)
	}
	handler := page(keys)
	what := "a page about the connection, there being no -root DIR and no -proxy ADDR"
	if o.root != "" {
		var err error
		if s.root, err = os.OpenRoot(o.root); err != nil {
			return nil, cli.Usagef("-root %s: %w", o.root, cli.Cause(err))
		}
		handler = http.FileServerFS(files{s.root})
		what = fmt.Sprintf("the files in %s; names that begin with a dot are hidden, except .well-known", o.root)
	}
	handler = getOnly(handler)
	if o.access {
		handler = withAccess(log, handler)
	}
	s.what = fmt.Sprintf("serving %s; HTTP/2 and HTTP/1.1, GOMAXPROCS %d", what, runtime.GOMAXPROCS(0))
	s.server = http.Server{
		Handler:           withDeadlines(o.idle, handler),
		TLSConfig:         config,
		ReadHeaderTimeout: 10 * time.Second, // of handshakes too
		IdleTimeout:       o.idle,
		// Without this a client that reads nothing keeps its connection after its streams have
		// ended.
		HTTP2:     &http.HTTP2Config{WriteByteTimeout: o.idle},
		ErrorLog:  failure.HTTP(log, s.handshakeFailed),
		ConnState: s.connState,
	}
	return s, nil
}

func (s *httpService) background(context.Context) {}

func (s *httpService) describe() string { return s.what }

func (s *httpService) connState(c net.Conn, state http.ConnState) {
	if state == http.StateNew {
		s.accepted.Add(1)
		s.conns.Add(1)
		s.handshaking.Store(c, nil)
		return
	}
	if _, first := s.handshaking.LoadAndDelete(c); first {
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
	handshaking := 0
	s.handshaking.Range(func(any, any) bool { handshaking++; return true })
	return tlsserver.Stats{
		Accepted:    s.accepted.Load(),
		Handshakes:  s.handshakes.Load(),
		Resumed:     s.resumed.Load(),
		Failed:      s.failed.Load(),
		TimedOut:    s.timedOut.Load(),
		Canceled:    s.canceled.Load(),
		Handshaking: handshaking,
		Open:        max(0, s.connections()-handshaking),
	}
}

// handshakeFailed counts a failed handshake that net/http has logged.
func (s *httpService) handshakeFailed(cause string) {
	switch {
	case cause == failure.TimedOut:
		s.timedOut.Add(1)
	case strings.Contains(cause, "use of closed network connection"): // this side has closed it
		s.canceled.Add(1)
	default:
		s.failed.Add(1)
	}
}

func (s *httpService) serve(ln net.Listener) error {
	if s.places != nil {
		ln = &limited{Listener: ln, places: s.places, closed: make(chan struct{})}
	}
	if err := s.server.ServeTLS(ln, "", ""); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func (s *httpService) shutdown(ctx context.Context) error {
	if s.root != nil {
		defer s.root.Close()
	}
	err := s.server.Shutdown(ctx)
	if err == nil || ctx.Err() == nil {
		return err
	}
	left := s.connections()
	s.server.Close()
	return fmt.Errorf("%s %w", measure.Count(left, "connection"), errNotDrained)
}

// getOnly refuses methods that a server of files has no use for.
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

// withDeadlines gives a client the time d for the body of its request, and again for each piece
// of the response. The timeouts of net/http do not do that: IdleTimeout is the time between
// requests, and WriteTimeout the time for the whole response.
func withDeadlines(d time.Duration, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := http.NewResponseController(w)
		if r.ContentLength != 0 { // only net/http reads it, after the handler
			c.SetReadDeadline(time.Now().Add(d))
		}
		c.SetWriteDeadline(time.Now().Add(d))
		h.ServeHTTP(&deadlineWriter{w, c, d}, r)
	})
}

// deadlineWriter extends the deadline with each write.
type deadlineWriter struct {
	http.ResponseWriter
	c *http.ResponseController
	d time.Duration
}

func (w *deadlineWriter) Write(p []byte) (int, error) {
	w.c.SetWriteDeadline(time.Now().Add(w.d))
	return w.ResponseWriter.Write(p)
}

// withAccess logs each request once it has been answered.
func withAccess(log *eventlog.Log, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start, counted := time.Now(), &countingWriter{ResponseWriter: w, status: http.StatusOK}
		// Deferred, because a handler that gives up a client panics with http.ErrAbortHandler.
		defer func() {
			log.Access(r.RemoteAddr, r.Method, r.URL.RequestURI(), r.Proto, counted.status, counted.size, time.Since(start))
		}()
		h.ServeHTTP(counted, r)
	})
}

// countingWriter notes the status and the size of the answer.
type countingWriter struct {
	http.ResponseWriter
	status int
	size   int64 // of the body
}

func (w *countingWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *countingWriter) Write(p []byte) (int, error) {
	n, err := w.ResponseWriter.Write(p)
	w.size += int64(n)
	return n, err
}
