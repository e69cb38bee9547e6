package keyserver

import (
	"context"
	"crypto/tls"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"asynccrypto/remote/internal/allow"
	"asynccrypto/remote/internal/pbwire"
	"asynccrypto/remote/internal/wire"
	"asynccrypto/remote/keyserverpb"
)

// Errors that end calls.
var (
	errCertificate = status.Error(codes.Unauthenticated, "a client certificate, verified by TLS 1.3, is needed")
	errNotAfter    = status.Error(codes.Unauthenticated, "the client's certificate has expired")
	errConns       = status.Error(codes.ResourceExhausted, "the client has too many sessions")
	errSlow        = status.Error(codes.ResourceExhausted, "the client does not read its answers")
	errNoHello     = status.Error(codes.InvalidArgument, "the first message of a session is a hello")
	errNumber      = status.Error(codes.InvalidArgument, "a request has the number 0")
	errShutsDown   = status.Error(codes.Unavailable, shutsDown)
)

// RegisterGRPC registers the service asynccrypto.keyserver.v1.KeyServer, and nothing else. The
// client is known by the DNS names and URIs of its certificate, which the credentials of the gRPC
// server have verified. A call without one is refused as unauthenticated, and every call ends when
// the certificate expires. Make the gRPC server with [ServerOptions] and [Server.Credentials]. Call
// [Server.Shutdown] before the gRPC server's GracefulStop, which waits for the sessions.
func (s *Server) RegisterGRPC(r grpc.ServiceRegistrar) {
	keyserverpb.RegisterKeyServerServer(r, service{server: s})
}

// service has the methods of gRPC, which are not the Server's own.
type service struct {
	keyserverpb.UnimplementedKeyServerServer
	server *Server
}

// call is a call of a client.
type call struct {
	client *client
	ctx    context.Context // ends with the call, at the certificate's end, and when the server is closed
	leave  func()
}

// admit begins a call. The caller calls leave.
func (v service) admit(ctx context.Context, h hold) (*call, error) {
	var info credentials.AuthInfo
	if from, ok := peer.FromContext(ctx); ok {
		info = from.AuthInfo
	}
	p, notAfter, err := peerOf(info)
	if err != nil {
		return nil, err
	}
	c, ok := v.server.enter(p, h)
	if !ok {
		return nil, errConns
	}
	ctx, expire := context.WithDeadlineCause(ctx, notAfter, errNotAfter)
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(v.server.ctx, func() { cancel(errShutsDown) })
	return &call{c, ctx, func() {
		stop()
		cancel(nil)
		expire()
		v.server.leave(c, h)
	}}, nil
}

// peerOf returns the client of a connection, and until when its certificate is valid.
func peerOf(auth credentials.AuthInfo) (p allow.Peer, notAfter time.Time, err error) {
	info, _ := auth.(credentials.TLSInfo)
	if info.State.Version < tls.VersionTLS13 || len(info.State.VerifiedChains) == 0 {
		return p, notAfter, errCertificate
	}
	leaf := info.State.VerifiedChains[0][0]
	if time.Now().After(leaf.NotAfter) {
		return p, notAfter, errNotAfter
	}
	if p, err = allow.CertificatePeer(leaf); err != nil {
		return p, notAfter, status.Error(codes.Unauthenticated, err.Error())
	}
	return p, leaf.NotAfter, nil
}

// Sign implements keyserverpb.KeyServerServer.
func (v service) Sign(ctx context.Context, in *keyserverpb.Request) (*keyserverpb.Answer, error) {
	call, err := v.admit(ctx, callHold)
	if err != nil {
		return nil, err
	}
	defer call.leave()
	if in.GetOperation() == keyserverpb.Operation_OPERATION_UNSPECIFIED {
		in.Operation = keyserverpb.Operation_OPERATION_SIGN
	}
	a, err := v.sign(call, in)
	if err != nil {
		return nil, err
	}
	a.ID = in.GetId()
	return pbwire.ToAnswer(wire.OpSign, &a)
}

func (v service) sign(call *call, in *keyserverpb.Request) (wire.Answer, error) {
	if !v.server.begin(nil) {
		return wire.Answer{Status: wire.Unavailable, Text: shutsDown}, nil
	}
	defer v.server.done(nil)
	r := new(wire.Request)
	bad := pbwire.FromRequest(in, r)
	r.ID = 1 // a client need not number the request of a single call
	switch {
	case r.Op != wire.OpSign:
		return wire.Answer{Status: wire.Bad, Text: "a call of Sign for another operation"}, nil
	case bad == nil:
		bad = r.Check()
	}
	answered := make(chan wire.Answer, 1)
	v.server.sign(call.ctx, call.client, r, bad, true, func(a wire.Answer, _ bool) { answered <- a })
	select {
	case a := <-answered:
		return a, nil
	case <-call.ctx.Done():
		return wire.Answer{}, callError(call.ctx)
	}
}

// callError returns the error of a call whose context is done.
func callError(ctx context.Context) error {
	err := context.Cause(ctx)
	if _, ok := status.FromError(err); ok {
		return err
	}
	return status.FromContextError(err).Err()
}

// ListKeys implements keyserverpb.KeyServerServer.
func (v service) ListKeys(ctx context.Context, _ *keyserverpb.ListKeysRequest) (*keyserverpb.ListKeysAnswer, error) {
	call, err := v.admit(ctx, callHold)
	if err != nil {
		return nil, err
	}
	defer call.leave()
	if v.server.draining.Load() {
		return nil, errShutsDown
	}
	answer := &keyserverpb.ListKeysAnswer{}
	for k := range v.server.listed(call.client, &wire.Request{}) {
		answer.Keys = append(answer.Keys, &keyserverpb.Key{Name: k.Name, PublicKey: k.SPKI, Allowed: k.Rules})
	}
	return answer, nil
}
