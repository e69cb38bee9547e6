package keys

import (
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/resolver/manual"

	"asynccrypto/remote/keyserverpb"
)

// keepaliveEvery is how often gRPC pings a connection; more often than every 10 s it does not.
const keepaliveEvery = 10 * time.Second

// roundRobin is the choice of nodes that gRPC has.
const roundRobin = `{
	"loadBalancingConfig": [{"round_robin": {}}],
	"methodConfig": [{"name": [{}], "retryPolicy": {
		"maxAttempts": 4, "initialBackoff": "0.01s", "maxBackoff": "1s", "backoffMultiplier": 2, "retryableStatusCodes": ["UNAVAILABLE"]
	}}]
}`

func beside() string { return "google.golang.org/grpc " + grpc.Version }

// dialUnary returns a function that signs by a call of the nodes' method Sign.
func dialUnary(spec *clientSpec) (func(context.Context, []byte) ([]byte, error), error) {
	tls, err := spec.Identity.mutual(spec.Roots)
	if err != nil {
		return nil, err
	}
	nodes := manual.NewBuilderWithScheme("nodes")
	var state resolver.State
	for _, addr := range spec.Nodes {
		state.Endpoints = append(state.Endpoints, resolver.Endpoint{Addresses: []resolver.Address{{Addr: addr}}})
	}
	nodes.InitialState(state)
	cc, err := grpc.NewClient("nodes:///all",
		grpc.WithResolvers(nodes),
		grpc.WithTransportCredentials(credentials.NewTLS(tls)),
		grpc.WithDefaultServiceConfig(roundRobin),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: keepaliveEvery, Timeout: time.Second}))
	if err != nil {
		return nil, err
	}
	id := sha256.Sum256(spec.Public)
	service := keyserverpb.NewKeyServerClient(cc)
	return func(ctx context.Context, digest []byte) ([]byte, error) {
		a, err := service.Sign(ctx, &keyserverpb.Request{
			Key: id[:], Digest: digest, Hash: keyserverpb.Hash_HASH_SHA256, Padding: keyserverpb.Padding_PADDING_PKCS1,
		})
		if err != nil {
			return nil, err
		}
		if a.GetStatus() != keyserverpb.Status_STATUS_OK {
			return nil, fmt.Errorf("%v: %s", a.GetStatus(), a.GetText())
		}
		return a.GetSignature(), nil
	}, nil
}
