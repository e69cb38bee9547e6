package remote

import (
	"context"
	"crypto"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"

	"asynccrypto/remote/internal/pool"
	"asynccrypto/remote/internal/transport"
	"asynccrypto/remote/keyserver"
)

// localNode is the name and the address of the node of Local.
const localNode = "local"

// Local returns an engine with one node, in this process, that has keys and allows everything. It
// needs no files and no set-up, so it is for tests, for examples and to begin with; the keys are no
// safer than without it. The keys still belong to the caller, and have to work until e is closed.
func Local(keys map[string]crypto.Signer) (*Engine, error) {
	var rules strings.Builder
	for name := range keys {
		quoted := strconv.Quote(name)
		fmt.Fprintf(&rules, "allow uid:0 sign %s\nallow uid:0 sign:nohash %s\n", quoted, quoted)
	}
	server, err := keyserver.New(keyserver.Config{Keys: keys, Allow: []byte(rules.String()), InFlight: defaultDepth})
	if err != nil {
		return nil, err
	}
	dial := func(ctx context.Context, _, _ string, h pool.Handler) (pool.Conn, error) {
		near, far := net.Pipe()
		go server.ServeConn(far, 0)
		return transport.Frames(ctx, near, h)
	}
	lookup := func(context.Context, string) ([]string, error) { return []string{localNode}, nil }
	c := Config{Nodes: []string{localNode}, Depth: defaultDepth, Timeout: defaultTimeout, Logger: slog.New(slog.DiscardHandler)}
	e, err := newEngine(c, dial, lookup)
	if err != nil {
		server.Close()
		return nil, err
	}
	e.local = server.Close
	return e, nil
}
