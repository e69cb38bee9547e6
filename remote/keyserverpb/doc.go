// Package keyserverpb is the protocol of a key server in Go, made from keyserver.proto. Programs in
// Go use package [asynccrypto/remote], which speaks it. Programs in other languages generate their
// own code from keyserver.proto.
package keyserverpb

//go:generate sh -c "cd ../.. && make proto"
