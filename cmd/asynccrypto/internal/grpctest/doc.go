// Package grpctest tests the command's -alpn with grpc-go: a client speaks gRPC over TLS to
// asynccrypto serve, which passes the bytes on to a server of gRPC without TLS. It has tests only.
// It is a module of its own, so that the command's module does not require grpc-go.
package grpctest
