package tls

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
	"asynccrypto/bench/internal/harness"
	"asynccrypto/bench/internal/proc"
	"asynccrypto/bench/internal/programs"
	"asynccrypto/engine"
	"asynccrypto/engine/multibuffer"
)

// roleServer is the role of the servers' processes.
const roleServer = "tls-server"

// kinds of servers of ours.
const (
	kindGoroutine = "goroutine" // a goroutine for each connection
	kindHTTP      = "net/http"
	kindLoop      = "loop" // tlsserver.Server
)

// spec is a server to start.
type spec struct {
	Kind      string       `json:"kind"`
	Key       programs.Key `json:"key"`
	Engine    bool         `json:"engine"`    // sign by the multi-buffer engine
	Nice      int          `json:"nice"`      // of its workers
	Workers   int          `json:"workers"`   // 0: its default
	Semaphore int          `json:"semaphore"` // if not 0, how many may sign at a time
	Bound     int          `json:"bound"`     // if not 0, how many handshakes a server of goroutines has under way
}

// serverOrder is one of: serve, which starts the server; account; memory, which is an account
// after a garbage collection.
type serverOrder struct {
	Do   string `json:"do"`
	Spec *spec  `json:"spec,omitempty"` // for serve
}

// serverAccount is a server's account of itself, since its beginning.
type serverAccount struct {
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

// server is a server in its process.
type server struct {
	handshakes, resumed, failed atomic.Uint64

	e    *engine.Engine
	loop *tlsserver.Server
	addr string
}

// beServer is the main of the process.
func beServer(in io.Reader, out io.Writer) error {
	s := new(server)
	return harness.Orders(in, out, s.do)
}

func (s *server) do(o serverOrder) (serverAccount, error) {
	switch o.Do {
	case "serve":
		err := s.serve(o.Spec)
		return serverAccount{Addr: s.addr}, err
	case "account":
		return s.account(), nil
	case "memory":
		for range 3 { // each shrinks the stacks that are mostly empty by half
			debug.FreeOSMemory()
			time.Sleep(50 * time.Millisecond)
		}
		a := s.account()
		var err error
		a.RSS, err = proc.ResidentSet()
		return a, err
	}
	return serverAccount{}, fmt.Errorf("a server knows no order %q", o.Do)
}

func (s *server) account() serverAccount {
	a := serverAccount{
		Addr: s.addr, CPU: proc.OwnCPU(), Waited: proc.Waited("self"),
		Handshakes: s.handshakes.Load(), Resumed: s.resumed.Load(), Failed: s.failed.Load(),
	}
	if s.loop != nil {
		st := s.loop.Stats()
		a.Handshakes, a.Resumed, a.Failed = st.Handshakes, st.Resumed, st.Failed+st.TimedOut
	}
	if s.e != nil {
		st := s.e.Stats()
		a.Signed, a.Lanes, a.Batches = st.Completed, st.Vectorized, st.MeanBatch()
	}
	return a
}

// serve starts the server.
func (s *server) serve(spec *spec) error {
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

// goroutines is the server that everybody writes. It echoes.
func (s *server) goroutines(ln net.Listener, bound int) {
	var slots chan struct{}
	if bound > 0 {
		slots = make(chan struct{}, bound)
	}
	for {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			t := c.(*tls.Conn)
			if slots != nil {
				slots <- struct{}{}
			}
			err := t.HandshakeContext(context.Background())
			if slots != nil {
				<-slots
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

// answer is the only page of the HTTP server.
func answer(w http.ResponseWriter, _ *http.Request) {
	w.Header()["Date"] = nil
	io.WriteString(w, "ok")
}

// failures counts the lines that net/http logs, one for each failed handshake.
type failures struct{ s *server }

func (f failures) Write(p []byte) (int, error) {
	f.s.failed.Add(1)
	return len(p), nil
}

type echoHandler struct{}

func (echoHandler) Open(*tlsserver.Conn) error             { return nil }
func (echoHandler) Data(c *tlsserver.Conn, p []byte) error { _, err := c.Write(p); return err }
func (echoHandler) Closed(*tlsserver.Conn, error)          {}

// bounded is a key that only as many goroutines as it has slots may use at a time.
type bounded struct {
	crypto.Signer
	slots chan struct{}
}

func (b *bounded) Sign(rand io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	b.slots <- struct{}{}
	defer func() { <-b.slots }()
	return b.Signer.Sign(rand, digest, opts)
}
