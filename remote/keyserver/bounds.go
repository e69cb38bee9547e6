package keyserver

import (
	"fmt"
	"net"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"

	"asynccrypto/internal/rawio"
	"asynccrypto/remote/internal/allow"
	"asynccrypto/remote/internal/wire"
)

// The server may have to keep a whole window, and a message that has not come to its end, of each
// stream. So a connection can make it keep streams * (window + wire.MaxFrame) bytes, which are 32 MiB.
const (
	streams = 64
	window  = 256 << 10 // bytes that a client may have sent and the server has not read
)

const (
	idleTime    = 5 * time.Minute
	pingTime    = 30 * time.Second
	pingTimeout = 10 * time.Second
)

// ServerOptions returns the options for [grpc.NewServer] that bound what a client can make the
// server keep: of a message and its requests, of headers, of streams, of handshakes, and of
// connections that are idle or dead. The caller adds its credentials by [Server.Credentials]: TLS 1.3
// that requires a certificate of the client and verifies it.
func ServerOptions() []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.MaxRecvMsgSize(wire.MaxFrame),
		grpc.ForceServerCodecV2(newBoundedCodec()),
		grpc.MaxHeaderListSize(16 << 10),
		grpc.MaxConcurrentStreams(streams),
		grpc.ConnectionTimeout(10 * time.Second),
		// Clients that have gone without a word, or hold a connection without a call, make room.
		grpc.KeepaliveParams(keepalive.ServerParameters{MaxConnectionIdle: idleTime, Time: pingTime, Timeout: pingTimeout}),
		// With windows of a fixed size gRPC does not measure the connection by pings.
		grpc.InitialWindowSize(window),
		grpc.InitialConnWindowSize(window),
	}
}

// Credentials returns the credentials for [grpc.NewServer] that are as creds, but bound the
// connections of each client by [Config].Conns. Further ones are closed after the handshake. Without
// them a client could open connections until the process has no descriptor left, and have
// messages in each. All clients whose certificates have no name that counts are one.
func (s *Server) Credentials(creds credentials.TransportCredentials) credentials.TransportCredentials {
	return boundedCreds{creds, s}
}

type boundedCreds struct {
	credentials.TransportCredentials
	server *Server
}

// ServerHandshake implements credentials.TransportCredentials.
func (b boundedCreds) ServerHandshake(raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	conn, info, err := b.TransportCredentials.ServerHandshake(rawio.NetConn(raw))
	if err != nil {
		return nil, nil, err
	}
	p, _, err := peerOf(info)
	if err != nil {
		p = allow.Peer{} // its calls are refused, with the same reason
		b.server.logRefused(raw.RemoteAddr(), err)
	}
	c, ok := b.server.enter(p, connHold)
	if !ok {
		_ = conn.Close()
		return nil, nil, fmt.Errorf("keyserver: the client %q has %d connections, which is the most", p, b.server.conns)
	}
	leave := sync.OnceFunc(func() { b.server.leave(c, connHold) })
	return &boundedConn{conn, leave}, info, nil
}

// logRefused tells the operator why all calls of a connection are refused.
func (s *Server) logRefused(addr net.Addr, err error) {
	if s.refusals.due() {
		s.logger.Info("a client is refused; further ones of this second are not logged", "address", addr, "error", status.Convert(err).Message())
	}
}

// Clone implements credentials.TransportCredentials.
func (b boundedCreds) Clone() credentials.TransportCredentials {
	return boundedCreds{b.TransportCredentials.Clone(), b.server}
}

// boundedConn is a connection that counts until it is closed.
type boundedConn struct {
	net.Conn
	leave func()
}

// Close implements net.Conn.
func (c *boundedConn) Close() error {
	defer c.leave()
	return c.Conn.Close()
}
