//go:build !unix

package tlsserver_test

import (
	"crypto/tls"
	"errors"
	"net"
	"testing"

	"asynccrypto/asynctls/tlsserver"
)

type nothing struct{}

func (nothing) Open(*tlsserver.Conn) error         { return nil }
func (nothing) Data(*tlsserver.Conn, []byte) error { return nil }
func (nothing) Closed(*tlsserver.Conn, error)      {}

// Where there is no event loop Serve says so, and closes the listener as ever.
func TestServeIsUnsupported(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &tlsserver.Server{TLS: new(tls.Config), Handler: nothing{}}
	if err := s.Serve(ln); !errors.Is(err, errors.ErrUnsupported) {
		t.Error(err)
	}
	if _, err := ln.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Error("the listener is open:", err)
	}
	if err := s.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}
