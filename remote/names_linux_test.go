package remote_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"asynccrypto/internal/testca"
	"asynccrypto/internal/testwait"
	"asynccrypto/remote"
)

// nameServer is a server of DNS that knows one name.
type nameServer struct {
	name  string
	addrs atomic.Pointer[[]string] // of IPv4
}

// dial is a net.Resolver's Dial. A connection that is not one of packets is spoken to as TCP is (RFC
// 1035, section 4.2.2).
func (s *nameServer) dial(context.Context, string, string) (net.Conn, error) {
	near, far := net.Pipe()
	go func() {
		defer far.Close()
		var length [2]byte
		for {
			if _, err := io.ReadFull(far, length[:]); err != nil {
				return
			}
			query := make([]byte, binary.BigEndian.Uint16(length[:]))
			if _, err := io.ReadFull(far, query); err != nil {
				return
			}
			answer := s.answer(query)
			if _, err := far.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...)); err != nil {
				return
			}
		}
	}()
	return near, nil
}

// answer returns the message for a query (RFC 1035, section 4.1).
func (s *nameServer) answer(query []byte) []byte {
	const header, noSuchName, typeA = 12, 3, 1
	end := header + bytes.IndexByte(query[header:], 0) + 1 // of the name
	name, kind := query[header:end], binary.BigEndian.Uint16(query[end:])
	answer := append([]byte(nil), query[:2]...)
	if !bytes.Equal(name, []byte(s.name)) {
		return append(append(answer, 0x81, 0x80|noSuchName, 0, 1, 0, 0, 0, 0, 0, 0), query[header:end+4]...)
	}
	var records []byte
	n := byte(0)
	if kind == typeA {
		for _, addr := range *s.addrs.Load() {
			n++
			// The name is the one at offset 12; class IN, nothing is to be kept, 4 bytes.
			records = append(records, 0xc0, header, 0, typeA, 0, 1, 0, 0, 0, 0, 0, 4)
			records = append(records, net.ParseIP(addr).To4()...)
		}
	}
	answer = append(answer, 0x81, 0x80, 0, 1, 0, n, 0, 0, 0, 0)
	return append(append(answer, query[header:end+4]...), records...)
}

// A name with several addresses is a node at each of them. The certificates are for the name. When a node
// goes, the name is looked up again, and the addresses that it has then are used.
func TestAddressesOfName(t *testing.T) {
	dns := &nameServer{name: "\x04keys\x04test\x00"}
	resolve := func(addrs ...string) { dns.addrs.Store(&addrs) }
	system := net.DefaultResolver
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: dns.dial}
	t.Cleanup(func() { net.DefaultResolver = system }) // after the engine's end

	ca := testca.New(t)
	first, _ := serveGRPC(t, ca, "127.0.0.1:0", "keys.test")
	_, port, err := net.SplitHostPort(first)
	if err != nil {
		t.Fatal(err)
	}
	second, stop := serveGRPC(t, ca, net.JoinHostPort("127.0.0.2", port), "keys.test")
	foreign, _ := serveGRPC(t, ca, net.JoinHostPort("127.0.0.3", port), "localhost")
	third, _ := serveGRPC(t, ca, net.JoinHostPort("127.0.0.4", port), "keys.test")
	resolve("127.0.0.3", "127.0.0.2", "127.0.0.1")
	e, err := remote.New(remote.Config{
		Nodes:  []string{net.JoinHostPort("keys.test", port)},
		TLS:    &tls.Config{Certificates: []tls.Certificate{ca.Issue(t, "app")}, RootCAs: ca.Pool},
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	s := signerOf(t, e, "ecdsa")
	await := func(what string, addrs ...string) {
		t.Helper()
		before := map[string]uint64{}
		for _, n := range e.Nodes() {
			before[n.Address] = n.Answered
		}
		testwait.Await(t, what, func() bool {
			var wg sync.WaitGroup
			for range 16 {
				wg.Go(func() {
					if err := sign(s); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			var up []string // and answer
			for _, n := range e.Nodes() {
				if n.Up && n.Answered > before[n.Address] {
					up = append(up, n.Address)
				}
			}
			return slices.Equal(up, addrs) || t.Failed()
		})
	}
	await("answers of both addresses", first, second)
	testwait.Await(t, "the refusal of a certificate for another name", func() bool {
		return slices.ContainsFunc(e.Nodes(), func(n remote.NodeHealth) bool {
			return n.Address == foreign && n.Asked == 0 && strings.Contains(fmt.Sprint(n.LastError), "certificate is valid for localhost, not keys.test")
		})
	})
	resolve("127.0.0.4", "127.0.0.1")
	stop()
	await("answers of the addresses of now", first, third)
	testwait.Await(t, "the end of the addresses of before", func() bool { return len(e.Nodes()) == 2 })
}
