package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"asynccrypto/internal/rawio"
	"asynccrypto/remote/internal/pbwire"
	"asynccrypto/remote/internal/pool"
	"asynccrypto/remote/internal/wire"
	"asynccrypto/remote/keyserverpb"
)

// window is the flow control's window of a session in bytes. A fixed one spares the pings by which
// gRPC would measure the bandwidth. It holds the answers of a full session (maxLimit) to RSA-2048.
const window = 1 << 20

// DialGRPC connects to the node at addr (HOST:PORT, usually an address), whose certificate must be
// for serverName, and opens a session. TLS is 1.3 at least, with the certificates and roots of c,
// which is not changed; its GetClientCertificate is asked for every connection. DialGRPC returns
// after the node's hello. ctx bounds only the call.
func DialGRPC(
	ctx context.Context, addr, serverName string, c *tls.Config, h pool.Handler,
) (pool.Conn, error) {
	c = c.Clone()
	c.ServerName = serverName
	c.MinVersion = max(c.MinVersion, tls.VersionTLS13)
	c.NextProtos = nil         // gRPC sets its own
	c.ClientSessionCache = nil // a resumed session would keep the certificate of before
	g := &session{addr: addr}
	cc, err := grpc.NewClient("passthrough:///node",
		grpc.WithTransportCredentials(alerts{credentials.NewTLS(c), g.failed}),
		grpc.WithContextDialer(g.dial),
		grpc.WithInitialWindowSize(window),
		grpc.WithInitialConnWindowSize(window),
		grpc.WithDisableRetry(),
		grpc.WithDisableHealthCheck(),
		grpc.WithDisableServiceConfig(),
		grpc.WithIdleTimeout(0),
	)
	if err != nil {
		return nil, err
	}
	g.cc = cc
	return g.open(ctx, h)
}

func (g *session) open(ctx context.Context, h pool.Handler) (pool.Conn, error) {
	// The context of the stream lives as long as the session.
	streamCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	g.cancel = cancel
	stop := context.AfterFunc(ctx, g.hangUp)
	hello, err := g.hello(streamCtx)
	if stop() && err == nil {
		g.maxMessage = int(min(hello.MaxFrame, wire.MaxFrame))
		return start(g, hello, h), nil
	}
	g.hangUp()
	g.release()
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return nil, err
}

// session is a [stream] of one session of gRPC, the only one of its connection.
type session struct {
	addr       string
	cc         *grpc.ClientConn
	cancel     context.CancelFunc // of the stream
	stream     grpc.BidiStreamingClient[keyserverpb.ClientMessage, keyserverpb.ServerMessage]
	maxMessage int           // the longest message to the node
	answers    []wire.Answer // of the last read

	mu   sync.Mutex
	nc   net.Conn // nil before dial
	hung bool
	why  error // what ended the connection first, below gRPC; nil if nothing did
}

var errDialed = errors.New("the connection to the key server was lost")

// dial connects once: package pool connects again, not gRPC.
func (g *session) dial(ctx context.Context, _ string) (net.Conn, error) {
	var d net.Dialer
	nc, err := d.DialContext(ctx, "tcp", g.addr)
	if err != nil {
		g.failed(err)
		return nil, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.nc != nil || g.hung {
		_ = nc.Close()
		return nil, errDialed
	}
	g.nc = nc
	return rawio.NetConn(nc), nil
}

// failed notes why there is no connection. What gRPC makes of that is hard to read.
func (g *session) failed(why error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.why == nil {
		g.why = why
	}
}

// noSession returns the error for a session that could not be opened, of which gRPC says err.
func (g *session) noSession(err error) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if errors.Is(g.why, ErrClientRefused) {
		return g.why // has nothing of the node's but the number of an alert
	}
	if g.why != nil {
		return errors.New(wire.CleanText(g.why.Error()))
	}
	return fromStatus(err)
}

func (g *session) hello(ctx context.Context) (wire.Hello, error) {
	var err error
	client := keyserverpb.NewKeyServerClient(g.cc)
	g.stream, err = client.Session(ctx, grpc.MaxCallRecvMsgSize(wire.MaxFrame))
	if err != nil {
		return wire.Hello{}, g.noSession(err)
	}
	err = g.stream.Send(&keyserverpb.ClientMessage{Hello: pbwire.ToHello(wire.ClientHello())})
	if err != nil && err != io.EOF { // of the latter, Recv knows the reason
		return wire.Hello{}, g.noSession(err)
	}
	m, err := g.stream.Recv()
	if err != nil {
		return wire.Hello{}, g.noSession(err)
	}
	if m.GetHello() == nil || len(m.GetAnswers()) > 0 {
		return wire.Hello{}, fmt.Errorf("%w: the first message is no hello", wire.ErrMalformed)
	}
	hello := pbwire.FromHello(m.GetHello())
	return hello, hello.CheckServer()
}

type requests = []*keyserverpb.Request

// encode copies the parts of r that the result would refer to.
func (g *session) encode(queue requests, r *wire.Request) (requests, error) {
	c := *r
	c.Data = append([]byte{}, r.Data...)
	return append(queue, pbwire.ToRequest(&c)), nil
}

func (g *session) write(queue requests) error {
	for len(queue) > 0 {
		n := fitting(queue, g.maxMessage)
		err := g.stream.Send(&keyserverpb.ClientMessage{Requests: queue[:n]})
		if err == io.EOF {
			return errReaderKnows
		}
		if err != nil {
			return fromStatus(err)
		}
		queue = queue[n:]
	}
	return nil
}

// fitting is how many requests fit in one message: at least one.
func fitting(queue requests, maxMessage int) int {
	size := 0
	queue = queue[:min(len(queue), maxBatch)]
	for n, r := range queue {
		if size += overhead + proto.Size(r); size > maxMessage && n > 0 {
			return n
		}
	}
	return len(queue)
}

// overhead is the most bytes that a request in a message takes beyond its own: its field's number
// and its length.
const overhead = 1 + 4

func (g *session) read() ([]wire.Answer, error) {
	g.answers = g.answers[:0]
	m, err := g.stream.Recv()
	if err != nil {
		return nil, fromStatus(err)
	}
	for _, p := range m.GetAnswers() {
		var a wire.Answer
		if err := pbwire.FromAnswer(p, &a); err != nil {
			return g.answers, err
		}
		g.answers = append(g.answers, a)
	}
	return g.answers, nil
}

// hangUp closes the connection below gRPC too, so that closing that one does not wait for a node
// that does not read.
func (g *session) hangUp() {
	g.cancel()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.hung = true
	if g.nc != nil {
		_ = g.nc.Close()
	}
}

func (g *session) release() { _ = g.cc.Close() }

// fromStatus is an error of gRPC in plain words, without what the node should not have us print.
func fromStatus(err error) error {
	if err == io.EOF {
		return ended(err)
	}
	s := status.Convert(err)
	if s.Code() == codes.Unauthenticated {
		return fmt.Errorf("%w: %s", ErrClientRefused, wire.CleanText(s.Message()))
	}
	return fmt.Errorf("session with the key server: %s (%v)", wire.CleanText(s.Message()), s.Code())
}
