package keyserver

import (
	"fmt"
	"net"
	"slices"

	"asynccrypto/cmd/asynccrypto/internal/cli"
	"asynccrypto/cmd/asynccrypto/internal/listen"
	"asynccrypto/cmd/asynccrypto/internal/systemd"
	"asynccrypto/internal/measure"
)

// sockets are those on which the server listens.
type sockets struct{ unix, grpc []net.Listener }

func (s *sockets) close() {
	for _, ln := range slices.Concat(s.unix, s.grpc) {
		ln.Close()
	}
}

// takeSockets returns the sockets that a service manager has handed over, if they and the options fit
// together. Call close when done.
func takeSockets(o *options) (*sockets, error) {
	handed, err := systemd.Sockets()
	if err != nil {
		return nil, err
	}
	s := &sockets{}
	for _, h := range handed {
		s.sort(h)
	}
	if err := s.check(o); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// check returns an error if the sockets and the options do not fit together.
func (s *sockets) check(o *options) error {
	for _, ln := range s.unix {
		if _, ok := ln.(*net.UnixListener); !ok {
			return fmt.Errorf("the service manager has handed over %s with FileDescriptorName=unix, which is no Unix socket", ln.Addr())
		}
	}
	switch {
	case s.unix != nil && o.unix != nil:
		return handedOver("unix", len(s.unix))
	case s.grpc != nil && o.grpc != "":
		return handedOver("grpc", len(s.grpc))
	case s.grpc != nil:
		if err := o.checkNetwork("a socket for gRPC, which the service manager has handed over (LISTEN_FDS),"); err != nil {
			return err
		}
	case o.grpc == "" && o.networkOption != "":
		return cli.Usagef("-%s is for -grpc", o.networkOption)
	}
	if s.unix == nil && s.grpc == nil && o.unix == nil && o.grpc == "" {
		return cli.Usagef("nowhere to listen; give -unix PATH, -grpc ADDR, or both")
	}
	return nil
}

// open listens on the sockets of the options.
func (s *sockets) open(o *options) error {
	for _, path := range o.unix {
		ln, err := listen.Unix("unix", path, path, o.unixMode)
		if err != nil {
			return err
		}
		s.unix = append(s.unix, ln)
	}
	if o.grpc != "" {
		ln, err := listen.TCP("grpc", o.grpc)
		if err != nil {
			return err
		}
		s.grpc = append(s.grpc, ln)
	}
	return nil
}

func handedOver(option string, n int) error {
	return cli.Usagef("-%s: the service manager has handed over %s for that (LISTEN_FDS); leave -%s out", option, measure.Count(n, "socket"), option)
}

// sort puts a socket of the service manager where its name says, or else its kind.
func (s *sockets) sort(h systemd.Socket) {
	_, isUnix := h.Listener.(*net.UnixListener)
	if h.Name == "unix" || isUnix && h.Name != "grpc" {
		s.unix = append(s.unix, h.Listener)
	} else {
		s.grpc = append(s.grpc, h.Listener)
	}
}
