// Package tlsclient is TLS clients of crypto/tls, in a process of their own: handshakes without end,
// idle connections, and small messages. Every handshake is full and TLS 1.3, and the server's
// certificate is the expected one.
package tlsclient

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"asynccrypto/bench/internal/harness"
	"asynccrypto/bench/internal/proc"
)

// Role is the role of the process, and [Main] its main.
const Role = "tls-client"

// Order is one of: handshake, which does so without end; connect, which establishes
// connections; echo, which does that and exchanges messages without end; account; stop.
type Order struct {
	Do   string `json:"do"`
	Load *Load  `json:"load,omitempty"` // for the first three
}

// Load is the load that clients put on a server.
type Load struct {
	Addr    string        `json:"addr"`
	Cert    []byte        `json:"cert"`    // that the server must show, as PEM
	Clients int           `json:"clients"` // at a time
	X25519  bool          `json:"x25519"`  // offer that curve only, not crypto/tls's choice
	Pause   time.Duration `json:"pause"`   // between two echoes on a connection
	HTTP    bool          `json:"http"`    // a request instead of an echo
}

// Account is the clients' account.
type Account struct {
	Done       uint64        `json:"done"`       // since the beginning
	Handshakes uint64        `json:"handshakes"` // likewise
	Time       time.Duration `json:"time_ns"`    // likewise
	CPU        int64         `json:"cpu_ns"`     // likewise
	Waited     int64         `json:"waited_ns"`  // likewise
	Negotiated string        `json:"negotiated"`
	P50        time.Duration `json:"p50_ns"` // since the last account, as all below
	P99        time.Duration `json:"p99_ns"`
	Max        time.Duration `json:"max_ns"`
	Late       time.Duration `json:"late_ns"` // the p99 of how late this process came back from its pauses
	Samples    int           `json:"samples"`
}

// client is all clients in their process.
type client struct {
	load   Load
	config *tls.Config
	cert   []byte
	begun  time.Time

	stopped          chan struct{}
	running          sync.WaitGroup
	done, handshakes atomic.Uint64
	negotiated       atomic.Pointer[string]

	mu         sync.Mutex
	err        error // the first
	took, late []time.Duration
	held       []net.Conn
}

// Start starts the process on a CPU, and gives it a first order: clients that load a server. First
// is for clients that are to run before all others on their CPU. Call Close when done.
func Start(program string, cpu int, first bool, do string, l Load) (*harness.Child, error) {
	child, err := harness.StartChild(program, Role, cpu, 1, first)
	if err != nil {
		return nil, err
	}
	if err := child.Do(Order{Do: do, Load: &l}, nil); err != nil {
		child.Close()
		return nil, err
	}
	return child, nil
}

// Main is the main of the process.
func Main(in io.Reader, out io.Writer) error {
	return harness.Orders(in, out, newClient().do)
}

func newClient() *client { return &client{begun: time.Now(), stopped: make(chan struct{})} }

func (c *client) do(o Order) (Account, error) {
	if o.Load != nil {
		c.prepare(*o.Load)
	}
	switch o.Do {
	case "handshake":
		for range c.load.Clients {
			c.running.Go(c.handshakeLoop)
		}
	case "echo":
		if err := c.connect(); err != nil {
			return Account{}, err
		}
		for _, conn := range c.held {
			c.running.Go(func() { c.echoes(conn.(*tls.Conn)) })
		}
	case "connect":
		if err := c.connect(); err != nil {
			return Account{}, err
		}
	case "account":
	case "stop":
		close(c.stopped)
		c.running.Wait()
	default:
		return Account{}, fmt.Errorf("clients know no order %q", o.Do)
	}
	return c.account()
}

func (c *client) prepare(l Load) {
	c.load = l
	// The certificate is compared, which is more than verifying it, and takes no time.
	c.config = &tls.Config{InsecureSkipVerify: true, ServerName: "localhost", MinVersion: tls.VersionTLS12}
	if l.X25519 {
		c.config.CurvePreferences = []tls.CurveID{tls.X25519}
	}
	if b, _ := pem.Decode(l.Cert); b != nil {
		c.cert = b.Bytes
	}
}

func (c *client) account() (d Account, err error) {
	c.mu.Lock()
	took, late := c.took, c.late
	c.took, c.late = nil, nil
	err = c.err
	c.mu.Unlock()
	d = Account{Done: c.done.Load(), Handshakes: c.handshakes.Load(), Time: time.Since(c.begun), CPU: proc.OwnCPU(), Waited: proc.Waited("self"), Samples: len(took)}
	if n := c.negotiated.Load(); n != nil {
		d.Negotiated = *n
	}
	slices.Sort(took)
	slices.Sort(late)
	d.P50, d.P99, d.Max, d.Late = percentile(took, 50), percentile(took, 99), percentile(took, 100), percentile(late, 99)
	return d, err
}

// percentile returns a percentile of a sorted list.
func percentile(sorted []time.Duration, p int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[max(0, (len(sorted)*p+99)/100-1)]
}

func (c *client) failed(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.err = err
	}
}

func (c *client) isStopped() bool {
	select {
	case <-c.stopped:
		return true
	default:
		return false
	}
}

// handshakeLoop makes one connection after the other.
func (c *client) handshakeLoop() {
	for !c.isStopped() {
		begun := time.Now()
		conn, err := c.dial()
		if err != nil {
			c.failed(err)
			return
		}
		// As openssl s_time does: it sends nothing and waits for nothing. The server reads the
		// client's last message and the end.
		conn.NetConn().Close()
		c.done.Add(1)
		c.mu.Lock()
		c.took = append(c.took, time.Since(begun))
		c.mu.Unlock()
	}
}

// dial makes a connection with a full handshake, and inspects the outcome.
func (c *client) dial() (*tls.Conn, error) {
	raw, err := net.Dial("tcp", c.load.Addr)
	if err != nil {
		return nil, err
	}
	conn := tls.Client(raw, c.config)
	if err := conn.Handshake(); err != nil {
		raw.Close()
		return nil, err
	}
	c.handshakes.Add(1)
	return conn, c.inspect(conn.ConnectionState())
}

func (c *client) inspect(s tls.ConnectionState) error {
	switch {
	case s.DidResume:
		return errors.New("a handshake was a resumption")
	case s.Version != tls.VersionTLS13:
		return fmt.Errorf("a handshake was %s", tls.VersionName(s.Version))
	case !bytes.Equal(s.PeerCertificates[0].Raw, c.cert):
		return errors.New("a server showed another certificate")
	case c.load.X25519 && s.CurveID != tls.X25519:
		return fmt.Errorf("a handshake used %v", s.CurveID)
	}
	if known := c.negotiated.Load(); known != nil && *known == fmt.Sprint(s.CurveID, ", ", tls.CipherSuiteName(s.CipherSuite)) {
		return nil
	} else if known != nil {
		return fmt.Errorf("handshakes differ: %s, and %v, %s", *known, s.CurveID, tls.CipherSuiteName(s.CipherSuite))
	}
	name := fmt.Sprint(s.CurveID, ", ", tls.CipherSuiteName(s.CipherSuite))
	c.negotiated.CompareAndSwap(nil, &name)
	return nil
}

// connect establishes all connections, and has each exchange something once.
func (c *client) connect() error {
	slots := make(chan struct{}, 64)
	for range c.load.Clients {
		c.running.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			conn, err := c.dial()
			if err == nil {
				err = c.exchange(conn, 0)
			}
			if err != nil {
				c.failed(err)
				return
			}
			c.mu.Lock()
			c.held = append(c.held, conn)
			c.mu.Unlock()
		})
	}
	c.running.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// EchoSize is a small message: a chat's, a game's, a price.
const EchoSize = 64

func (c *client) exchange(conn net.Conn, n byte) error {
	if c.load.HTTP {
		if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
			return err
		}
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			return err
		}
		body, err := io.ReadAll(resp.Body)
		if err == nil && string(body) != "ok" {
			err = fmt.Errorf("an answer of %q", body)
		}
		return err
	}
	var sent, got [EchoSize]byte
	for i := range sent {
		sent[i] = n + byte(i)
	}
	if _, err := conn.Write(sent[:]); err != nil {
		return err
	}
	if _, err := io.ReadFull(conn, got[:]); err != nil {
		return err
	}
	if sent != got {
		return errors.New("an echo differs")
	}
	return nil
}

// echoes exchanges one message after the other on a connection. The next one is sent a pause
// after the last has come back, so that a server which answers late is asked less often. That
// is in its favour.
func (c *client) echoes(conn *tls.Conn) {
	defer conn.Close()
	var timer *time.Timer
	if c.load.Pause > 0 {
		timer = time.NewTimer(rand.N(c.load.Pause))
	}
	for n := byte(1); ; n++ {
		var late time.Duration
		if timer == nil {
			if c.isStopped() {
				return
			}
		} else {
			select {
			case <-c.stopped:
				return
			case due := <-timer.C:
				late = time.Since(due)
			}
		}
		begun := time.Now()
		if err := c.exchange(conn, n); err != nil {
			c.failed(err)
			return
		}
		took := time.Since(begun)
		c.done.Add(1)
		if timer != nil {
			c.mu.Lock()
			c.took, c.late = append(c.took, took), append(c.late, late)
			c.mu.Unlock()
			timer.Reset(c.load.Pause)
		}
	}
}
