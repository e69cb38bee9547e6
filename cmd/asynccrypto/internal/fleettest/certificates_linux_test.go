package fleettest

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"asynccrypto/cmd/asynccrypto/internal/tlstest"
	"asynccrypto/engine"
	"asynccrypto/internal/testwait"
	"asynccrypto/remote"
)

// The certificates of nodes and clients, and the CA of both, are exchanged under load, node by node. No
// signature fails. Afterwards nothing of before is accepted.
func TestRotate(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "grpc", "grpc")
	next := tlstest.NewAuthority(t)
	roots := x509.NewCertPool()
	both := bytes.Join([][]byte{f.read(f.ca.File), f.read(next.File)}, nil)
	roots.AppendCertsFromPEM(both)
	for _, n := range f.nodes {
		n.rotates(f)
	}
	f.start()
	var shown atomic.Pointer[tls.Certificate] // by the client
	shown.Store(&f.cert.Certificate)
	e := f.engine(func(c *remote.Config) {
		c.TLS = &tls.Config{RootCAs: roots, ServerName: nodeName,
			GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return shown.Load(), nil }}
	})
	l := f.load(e, pause)
	l.more(100)

	for i, n := range f.nodes { // the new CA's clients are admitted, and its certificates are shown
		f.write(n.name+".clients", both)
		issued := next.Issue(t, []string{nodeName})
		// The key's file first: until both are new the pair does not fit, and the old one stays.
		f.write(n.name+".key", f.read(issued.KeyFile))
		n.reload("the certificate stays as it was")
		f.write(n.name+".cert", f.read(issued.File))
		n.reload("allow: read")
		if served := n.serves(t, f.cert, roots); !bytes.Equal(served, issued.Certificate.Certificate[0]) {
			t.Errorf("node %d shows its old certificate", i)
		}
		l.more(100)
	}
	old := f.cert
	f.cert = next.Issue(t, []string{clientName})
	shown.Store(&f.cert.Certificate)
	for i, n := range f.nodes { // connections with the old certificate end
		f.write(n.name+".clients", f.read(next.File))
		n.reload("allow: read")
		l.more(100)
		n.end()
		n.start()
		f.up(e, i, true)
		l.more(100)
	}
	l.end(t)
	old.Pool = roots
	refused(t, f.engine(func(c *remote.Config) { c.TLS = clientTLS(old) }), f.signer, "unknown certificate authority")
	f.nodes[0].logged("handshake failed: .*certificate signed by unknown authority")
}

// read returns the content of a file.
func (f *fleet) read(path string) []byte {
	f.t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		f.t.Fatal(err)
	}
	return text
}

// rotates has the node read its certificates from files of the fleet, which begin with its name.
func (n *node) rotates(f *fleet) {
	for i := 1; i < len(n.args); i++ {
		file, ok := map[string]string{"-cert": ".cert", "-key": ".key", "-client-ca": ".clients"}[n.args[i-1]]
		if ok {
			f.write(n.name+file, f.read(n.args[i]))
			n.args[i] = f.path(n.name + file)
		}
	}
}

// serves returns the certificate that the node shows.
func (n *node) serves(t *testing.T, client *tlstest.Certificate, roots *x509.CertPool) []byte {
	t.Helper()
	config := &tls.Config{Certificates: []tls.Certificate{client.Certificate}, RootCAs: roots, ServerName: nodeName, NextProtos: []string{"h2"}}
	c, err := tls.Dial("tcp", n.addr, config)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.ConnectionState().PeerCertificates[0].Raw
}

// The client's certificates are short-lived. A stream ends with the certificate that began it, and the
// client goes on with its next one. No signature fails, on one node.
func TestShortLived(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "grpc")
	f.start()
	var shown atomic.Pointer[tls.Certificate]
	var handshakes atomic.Int32
	var last atomic.Bool
	e := f.engine(func(c *remote.Config) {
		c.TLS.Certificates = nil
		c.TLS.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			handshakes.Add(1)
			if !last.Load() { // a fresh one, however late this machine is
				c := f.ca.Issue(t, []string{clientName}, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(2 * time.Second) })
				shown.Store(&c.Certificate)
			}
			return shown.Load(), nil
		}
	})
	l := f.load(e, pause)
	testwait.Await(t, "the third certificate", func() bool { return handshakes.Load() >= 3 })
	l.more(100)
	l.end(t)
	if lost := e.Nodes()[0].Lost; lost < 1 {
		t.Error("no connection has ended")
	}

	// The last one ends, and there is no next.
	last.Store(true)
	testwait.Await(t, "the end of the last certificate", func() bool { return time.Now().After(shown.Load().Leaf.NotAfter) })
	f.up(e, 0, false)
	refused(t, e, f.signer, "expired")
	f.nodes[0].logged("handshake failed: .*expired")
}

// Each side names the fault of the other's certificate.
func TestRefusedCertificates(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "grpc")
	stranger := tlstest.NewAuthority(t)
	expired := func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }
	early := func(c *x509.Certificate) {
		c.NotBefore = time.Now().Add(time.Hour)
		c.NotAfter = c.NotBefore.Add(time.Hour)
	}
	onlyServer := func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }
	onlyClient := func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }
	good := f.cert
	name := []string{clientName}
	f.nodes[0].rotates(f)
	f.start()
	node := f.nodes[0]
	for what, tt := range map[string]struct {
		client     *tlstest.Certificate
		said, logs string // by the client, and by the node
	}{
		"unknown CA":  {stranger.Issue(t, name), "unknown certificate authority", `handshake failed: .*signed by unknown authority`},
		"expired":     {f.ca.Issue(t, name, expired), "expired certificate", `handshake failed: .*certificate has expired`},
		"early":       {f.ca.Issue(t, name, early), "expired certificate", `handshake failed: .*not yet valid`},
		"no client's": {f.ca.Issue(t, name, onlyServer), "bad certificate", `handshake failed: .*incompatible key usage`},
		"no name":     {f.ca.Issue(t, nil), "no DNS name or URI", `no DNS name or URI`},
		"none":        {&tlstest.Certificate{}, "certificate required", `handshake failed: .*didn't provide a certificate`},
	} {
		tt.client.Pool = good.Pool
		e := f.engine(func(c *remote.Config) { c.TLS = clientTLS(tt.client) })
		refused(t, e, f.signer, tt.said)
		node.logged(tt.logs)
		e.Close()
		if t.Failed() {
			t.Fatalf("%s: %s", what, node.log)
		}
	}
	// A client of another name is a client, but nothing is allowed to it.
	e := f.engine(func(c *remote.Config) { c.TLS = clientTLS(f.ca.Issue(t, []string{clientName + "/other", "client"})) })
	if keys, err := e.Keys(patient(t)); len(keys) > 0 || err != nil {
		t.Errorf("%v, %v", keys, err)
	}
	for _, name := range []string{"ec", "none"} {
		if _, err := e.Signer(patient(t), name); !errors.Is(err, remote.ErrNoKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := f.signer(e, "ec").Sign(rand.Reader, make([]byte, 32), crypto.SHA256); !errors.Is(err, remote.ErrDenied) || strings.Contains(err.Error(), `"ec"`) {
		t.Error(err)
	}

	for what, tt := range map[string]struct {
		node       *tlstest.Certificate
		said, logs string
	}{
		"unknown CA":  {stranger.Issue(t, []string{nodeName}), "signed by unknown authority", `handshake failed: .*the client does not trust the certificate`},
		"expired":     {f.ca.Issue(t, []string{nodeName}, expired), "certificate has expired", `warning: clients will refuse the certificate: it is valid from `},
		"other name":  {f.ca.Issue(t, []string{"other.test"}), "is valid for other.test, not " + nodeName, `handshake failed: .*bad certificate`},
		"no server's": {f.ca.Issue(t, []string{nodeName}, onlyClient), "incompatible key usage", `handshake failed: .*bad certificate`},
	} {
		f.write(node.name+".key", f.read(tt.node.KeyFile))
		f.write(node.name+".cert", f.read(tt.node.File))
		node.reload("allow: read")
		e := f.engine()
		refused(t, e, f.signer, tt.said)
		node.logged(tt.logs)
		e.Close()
		if t.Failed() {
			t.Fatalf("%s: %s", what, node.log)
		}
	}
}

// refused checks that no node takes the client, and that the reason is in the error and in the health of
// the nodes.
func refused(t *testing.T, e *remote.Engine, signer func(*remote.Engine, string) remote.Signer, said string) {
	t.Helper()
	testwait.Await(t, "the reason "+said, func() bool {
		nodes := e.Nodes()
		return len(nodes) > 0 && !nodes[0].Up && nodes[0].LastError != nil && strings.Contains(nodes[0].LastError.Error(), said)
	})
	now := engine.WithFallback(patient(t)) // so that it does not wait for a node
	_, err := signer(e, "ec").WithContext(now).Sign(rand.Reader, make([]byte, 32), crypto.SHA256)
	if !errors.Is(err, engine.ErrUnavailable) || !strings.Contains(err.Error(), said) {
		t.Errorf("the error does not say %q: %v", said, err)
	}
}
