package main

import (
	"context"
	"crypto"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"runtime/debug"
	"sync/atomic"
	"time"

	"asynccrypto/asynctls"
	"asynccrypto/asynctls/tlsserver"
	"asynccrypto/engine"
	"asynccrypto/engine/multibuffer"
)

// kinds of servers of ours.
const (
	kindGoroutine = "goroutine" // a goroutine for each connection
	kindHTTP      = "net/http"
	kindLoop      = "loop" // tlsserver.Server
)

// tlsSpec is a server to start.
type tlsSpec struct {
	Kind      string `json:"kind"`
	Key       tlsKey `json:"key"`
	Engine    bool   `json:"engine"`    // sign by the multi-buffer engine
	Nice      int    `json:"nice"`      // of its workers
	Workers   int    `json:"workers"`   // 0: its default
	Semaphore int    `json:"semaphore"` // if not 0, how many may sign at a time
	Bound     int    `json:"bound"`     // if not 0, how many handshakes a server of goroutines has under way
}

// tlsServed is a server's account of itself.
type tlsServed struct {
	Addr       string  `json:"addr,omitempty"`
	CPU        int64   `json:"cpu_ns"`
	Waited     int64   `json:"waited_ns"`
	Handshakes uint64  `json:"handshakes"`
	Resumed    uint64  `json:"resumed"`
	Failed     uint64  `json:"failed"`
	Signed     uint64  `json:"signed"` // by the engine
	Lanes      uint64  `json:"lanes"`  // of these, eight at a time
	Batches    float64 `json:"batches"`
	RSS        int64   `json:"rss"`
}

// tlsServer is the server in its process.
type tlsServer struct {
	handshakes, resumed, failed atomic.Uint64

	e    *engine.Engine
	loop *tlsserver.Server
	addr string
}

// beTLSServer is the process's main.
func beTLSServer(in io.Reader, out io.Writer) error {
	s := new(tlsServer)
	return orders(in, out, s.do)
}

func (s *tlsServer) do(o tlsOrder) (any, error) {
	switch o.Do {
	case "serve":
		err := s.serve(o.Server)
		return tlsServed{Addr: s.addr}, err
	case "figures":
		return s.figures(), nil
	case "memory":
		for range 3 { // each shrinks the stacks that are mostly empty by half
			debug.FreeOSMemory()
			time.Sleep(50 * time.Millisecond)
		}
		f := s.figures()
		var err error
		f.RSS, err = residentSet()
		return f, err
	}
	return nil, fmt.Errorf("a server knows no order %q", o.Do)
}

func (s *tlsServer) figures() tlsServed {
	f := tlsServed{Addr: s.addr, CPU: ownCPU(), Waited: waited("self"), Handshakes: s.handshakes.Load(), Resumed: s.resumed.Load(), Failed: s.failed.Load()}
	if s.loop != nil {
		st := s.loop.Stats()
		f.Handshakes, f.Resumed, f.Failed = st.Handshakes, st.Resumed, st.Failed+st.TimedOut
	}
	if s.e != nil {
		st := s.e.Stats()
		f.Signed, f.Lanes, f.Batches = st.Completed, st.Vectorized, st.MeanBatch()
	}
	return f
}

// serve starts the server.
func (s *tlsServer) serve(spec *tlsSpec) error {
	cert, err := tls.X509KeyPair(spec.Key.Cert, spec.Key.Key)
	if err != nil {
		return err
	}
	config := &tls.Config{MinVersion: tls.VersionTLS13, SessionTicketsDisabled: true}
	key := cert.PrivateKey.(crypto.Signer)
	switch {
	case spec.Engine:
		if s.e, err = multibuffer.New(multibuffer.Options{Workers: spec.Workers, Nice: spec.Nice}); err != nil {
			return err
		}
		if cert.PrivateKey, err = s.e.Signer(key); err != nil {
			return err
		}
	case spec.Semaphore > 0:
		cert.PrivateKey = &bounded{key, make(chan struct{}, spec.Semaphore)}
	}
	config.Certificates = []tls.Certificate{cert}
	if spec.Engine {
		config = asynctls.Config(config)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s.addr = ln.Addr().String()
	switch spec.Kind {
	case kindGoroutine:
		go s.goroutines(tls.NewListener(ln, config), spec.Bound)
	case kindHTTP:
		config.VerifyConnection = func(c tls.ConnectionState) error {
			s.handshakes.Add(1)
			if c.DidResume {
				s.resumed.Add(1)
			}
			return nil
		}
		h := &http.Server{Handler: http.HandlerFunc(answer), TLSConfig: config, ErrorLog: log.New(failures{s}, "", 0)}
		go h.ServeTLS(ln, "", "")
	case kindLoop:
		s.loop = &tlsserver.Server{TLS: config, Handler: echoHandler{}, Loops: 1}
		go s.loop.Serve(ln)
	default:
		return fmt.Errorf("no such kind of server: %s", spec.Kind)
	}
	return nil
}

// goroutines is the server that everybody writes: it echoes.
func (s *tlsServer) goroutines(ln net.Listener, bound int) {
	var places chan struct{}
	if bound > 0 {
		places = make(chan struct{}, bound)
	}
	for {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			t := c.(*tls.Conn)
			if places != nil {
				places <- struct{}{}
			}
			err := t.HandshakeContext(context.Background())
			if places != nil {
				<-places
			}
			if err != nil {
				s.failed.Add(1)
				return
			}
			s.handshakes.Add(1)
			if t.ConnectionState().DidResume {
				s.resumed.Add(1)
			}
			buf := make([]byte, 512)
			for {
				n, err := t.Read(buf)
				if err != nil {
					return
				}
				if _, err := t.Write(buf[:n]); err != nil {
					return
				}
			}
		}()
	}
}

// answer is the HTTP server's only page.
func answer(w http.ResponseWriter, _ *http.Request) {
	w.Header()["Date"] = nil
	io.WriteString(w, "ok")
}

// failures counts what net/http logs: failed handshakes.
type failures struct{ s *tlsServer }

func (f failures) Write(p []byte) (int, error) {
	f.s.failed.Add(1)
	return len(p), nil
}

type echoHandler struct{}

func (echoHandler) Open(*tlsserver.Conn) error             { return nil }
func (echoHandler) Data(c *tlsserver.Conn, p []byte) error { _, err := c.Write(p); return err }
func (echoHandler) Closed(*tlsserver.Conn, error)          {}

// bounded is a key that so many goroutines may use at a time.
type bounded struct {
	crypto.Signer
	places chan struct{}
}

func (b *bounded) Sign(rand io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	b.places <- struct{}{}
	defer func() { <-b.places }()
	return b.Signer.Sign(rand, digest, opts)
}
