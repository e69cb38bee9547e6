//go:build unix

package tlsserver_test

import (
	"context"
	"crypto"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http/httptest"
	"time"

	"asynccrypto/asynctls"
	"asynccrypto/asynctls/tlsserver"
	"asynccrypto/engine/workers"
)

// lines is a Handler that greets, and sends its input back.
type lines struct{}

func (lines) Open(c *tlsserver.Conn) error {
	_, err := io.WriteString(c, "hello\n")
	return err
}

// One Write of no more than Data's input is never refused: while the peer takes nothing, Data
// is not called.
func (lines) Data(c *tlsserver.Conn, p []byte) error {
	_, err := c.Write(p)
	return err
}

func (lines) Closed(c *tlsserver.Conn, err error) {}

// A server whose key is held by an engine. While the engine signs, the loop goes on.
func ExampleServer() {
	eng, err := workers.New(workers.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer eng.Close()
	cert := testCertificate() // in your program, tls.LoadX509KeyPair
	if cert.PrivateKey, err = eng.Signer(cert.PrivateKey.(crypto.Signer)); err != nil {
		log.Fatal(err)
	}

	s := &tlsserver.Server{
		TLS:     asynctls.Config(&tls.Config{Certificates: []tls.Certificate{cert}}),
		Handler: lines{},
		Failed:  func(remote net.Addr, err error) { log.Printf("handshake with %v: %v", remote, err) },
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	go s.Serve(ln)

	// The client skips verification because the example's certificate is its own.
	c, err := tls.Dial("tcp", ln.Addr().String(), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		log.Fatal(err)
	}
	io.WriteString(c, "and good-bye\n")
	c.CloseWrite()
	got, err := io.ReadAll(c)
	c.Close()
	fmt.Printf("%s%v\n", got, err)

	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	fmt.Println(s.Shutdown(ctx))
	// Output:
	// hello
	// and good-bye
	// <nil>
	// <nil>
}

func testCertificate() tls.Certificate {
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	return s.TLS.Certificates[0]
}
