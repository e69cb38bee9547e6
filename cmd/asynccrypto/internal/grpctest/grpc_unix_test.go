//go:build unix

package grpctest

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"io"
	"net"
	"syscall"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"asynccrypto/cmd/asynccrypto/internal/cli"
	"asynccrypto/cmd/asynccrypto/internal/serve"
	"asynccrypto/cmd/asynccrypto/internal/tlstest"
	"asynccrypto/internal/testwait"
)

// backend answers each request with the request's own text.
type backend struct {
	pb.UnimplementedTestServiceServer
}

func (backend) UnaryCall(_ context.Context, r *pb.SimpleRequest) (*pb.SimpleResponse, error) {
	return &pb.SimpleResponse{Payload: r.Payload}, nil
}

func (backend) FullDuplexCall(stream pb.TestService_FullDuplexCallServer) error {
	for {
		r, err := stream.Recv()
		if err == io.EOF {
			return status.Error(codes.DataLoss, "the end")
		}
		if err != nil {
			return err
		}
		if err := stream.Send(&pb.StreamingOutputCallResponse{Payload: r.Payload}); err != nil {
			return err
		}
	}
}

// A client of gRPC, which insists on h2 in ALPN, makes calls and streams through the relay of serve
// to a server that speaks HTTP/2 without TLS.
func TestGRPC(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	pb.RegisterTestServiceServer(server, backend{})
	go server.Serve(l)
	defer server.Stop()

	cert := tlstest.NewCertificate(t)
	log := new(testwait.Log)
	ended := make(chan struct{})
	exit := 0
	go func() {
		defer close(ended)
		exit = serve.Command.Main([]string{"-addr", "127.0.0.1:0", "-cert", cert.File, "-key", cert.KeyFile,
			"-proxy", l.Addr().String(), "-alpn", "h2"}, cli.Stdio{Out: io.Discard, Err: log})
	}()
	addr := log.Find(t, `listening on (\S+)`, ended)[1]

	conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{RootCAs: cert.Pool})))
	if err != nil {
		t.Fatal(err)
	}
	client := pb.NewTestServiceClient(conn)
	ctx, cancel := context.WithDeadline(t.Context(), testwait.Limit())
	defer cancel()
	for _, size := range []int{0, 1, 100_000} {
		unary(ctx, t, client, size)
	}
	stream(ctx, t, client)
	conn.Close()

	if err := syscall.Kill(syscall.Getpid(), syscall.SIGTERM); err != nil { // serve expects it
		t.Fatal(err)
	}
	if <-ended; exit != cli.ExitOK {
		t.Errorf("status %d\n%s", exit, log)
	}
}

// random returns a message of the size.
func random(size int) *pb.Payload {
	body := make([]byte, size)
	rand.Read(body)
	return &pb.Payload{Body: body}
}

func unary(ctx context.Context, t *testing.T, client pb.TestServiceClient, size int) {
	var p peer.Peer
	sent := random(size)
	got, err := client.UnaryCall(ctx, &pb.SimpleRequest{Payload: sent}, grpc.Peer(&p))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Payload.Body, sent.Body) {
		t.Errorf("other bytes came back than the %d that were sent", size)
	}
	if s := p.AuthInfo.(credentials.TLSInfo).State; s.NegotiatedProtocol != "h2" || !s.HandshakeComplete {
		t.Errorf("protocol %q, handshake complete %v", s.NegotiatedProtocol, s.HandshakeComplete)
	}
}

// stream sends messages, each after the answer to the one before, and ends its side. Some are
// larger than HTTP/2 lets a peer send before the other has made room. The server's status comes at
// the end, in the trailers.
func stream(ctx context.Context, t *testing.T, client pb.TestServiceClient) {
	s, err := client.FullDuplexCall(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 200 {
		size := i
		if i%20 == 0 {
			size += 200_000
		}
		sent := random(size)
		if err := s.Send(&pb.StreamingOutputCallRequest{Payload: sent}); err != nil {
			t.Fatal(err)
		}
		got, err := s.Recv()
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got.Payload.Body, sent.Body) {
			t.Fatalf("message %d: other bytes came back than the %d that were sent", i, size)
		}
	}
	if err := s.CloseSend(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Recv(); status.Code(err) != codes.DataLoss {
		t.Errorf("%v, not the server's status", err)
	}
}
