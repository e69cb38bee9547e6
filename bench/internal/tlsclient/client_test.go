package tlsclient

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"asynccrypto/bench/internal/programs"
)

func newKey(t *testing.T) programs.Key {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	k, err := programs.SelfSigned(private)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// listen starts a server that echoes, and returns its address.
func listen(t *testing.T, k programs.Key, max uint16) string {
	t.Helper()
	cert, err := tls.X509KeyPair(k.Cert, k.Key)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}, MaxVersion: max})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func(c net.Conn) {
				defer c.Close()
				io.Copy(c, c)
			}(c)
		}
	}()
	return ln.Addr().String()
}

// Clients make what they are told to make, and account for it.
func TestClients(t *testing.T) {
	k := newKey(t)
	load := &Load{Addr: listen(t, k, 0), Cert: k.Cert, Clients: 3, X25519: true}
	for _, do := range []string{"handshake", "connect", "echo"} {
		c := newClient()
		if _, err := c.do(Order{Do: do, Load: load}); err != nil {
			t.Errorf("%s: %v", do, err)
			continue
		}
		for c.done.Load() < 10 && do != "connect" {
			time.Sleep(time.Millisecond)
		}
		a, err := c.do(Order{Do: "stop"})
		if err != nil || a.Handshakes < 3 || !strings.HasPrefix(a.Negotiated, "X25519, ") || do != "connect" && a.Done < 10 {
			t.Errorf("%s: %+v, %v", do, a, err)
		}
	}
}

// Clients refuse a server that is not the one to be measured.
func TestInspects(t *testing.T) {
	k := newKey(t)
	for complaint, load := range map[string]*Load{
		"another certificate": {Addr: listen(t, k, 0), Cert: newKey(t).Cert, Clients: 1},
		"was TLS 1.2":         {Addr: listen(t, k, tls.VersionTLS12), Cert: k.Cert, Clients: 1},
	} {
		if _, err := newClient().do(Order{Do: "connect", Load: load}); err == nil || !strings.Contains(err.Error(), complaint) {
			t.Errorf("%s: %v", complaint, err)
		}
	}
	if _, err := newClient().do(Order{Do: "none"}); err == nil {
		t.Error("clients took an order that does not exist")
	}
}

func TestPercentile(t *testing.T) {
	var list []time.Duration
	for i := range 200 {
		list = append(list, time.Duration(i+1))
	}
	for p, want := range map[int]time.Duration{50: 100, 99: 198, 100: 200} {
		if got := percentile(list, p); got != want {
			t.Errorf("p%d is %d, not %d", p, got, want)
		}
	}
	if percentile(list[:1], 50) != 1 || percentile(nil, 99) != 0 {
		t.Error(percentile(list[:1], 50), percentile(nil, 99))
	}
}
