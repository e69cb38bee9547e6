package fleettest

import (
	"io"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"asynccrypto/cmd/asynccrypto/internal/tlstest"
)

// slowdown stands between clients and a node, and can make the node slow.
type slowdown struct {
	addr  string       // of remote.Config.Nodes
	delay atomic.Int64 // of the bytes that the node sends, a time.Duration
}

// slowdown returns one before a node.
func (f *fleet) slowdown(n *node) *slowdown {
	f.t.Helper()
	network, addr := "tcp", n.addr
	if path, ok := strings.CutPrefix(n.addr, "unix:"); ok {
		network, addr = "unix", path
	}
	listenAt := "127.0.0.1:0"
	if network == "unix" {
		listenAt = addr + ".slow"
	}
	ln, err := net.Listen(network, listenAt)
	if err != nil {
		f.t.Fatal(err)
	}
	s := &slowdown{addr: ln.Addr().String()}
	if network == "unix" {
		s.addr = "unix:" + s.addr
	}
	tlstest.Serve(f.t, ln, func(_ int, client net.Conn) {
		node, err := net.Dial(network, addr)
		if err != nil {
			return // the client sees the end of its connection
		}
		go func() {
			io.Copy(node, client)
			node.Close()
		}()
		s.copy(client, node)
		node.Close()
	})
	return s
}

// piece is the result of one read.
type piece struct {
	at   time.Time
	data []byte
}

// copy passes on the node's bytes, each after the delay.
func (s *slowdown) copy(client, node net.Conn) {
	pieces := make(chan piece, 10_000)
	go func() {
		defer close(pieces)
		for {
			data := make([]byte, 16<<10)
			n, err := node.Read(data)
			if err != nil {
				return
			}
			pieces <- piece{time.Now(), data[:n]}
		}
	}()
	for p := range pieces {
		time.Sleep(time.Until(p.at.Add(time.Duration(s.delay.Load()))))
		if _, err := client.Write(p.data); err != nil {
			node.Close() // ends the reader
		}
	}
}
