package keyring

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"asynccrypto/cmd/asynccrypto/internal/cli"
	"asynccrypto/cmd/asynccrypto/internal/keyuri"
	"asynccrypto/engine"
	"asynccrypto/engine/fallback"
	"asynccrypto/internal/publickey"
	"asynccrypto/remote"
)

// Server is a set of key servers that have the same keys. A [Ring] has one for all URIs that name the
// same servers.
type Server struct {
	*remote.Engine
	// Name tells the servers from the ring's others: their addresses, separated by commas.
	Name string

	breaker fallback.Breaker
	signers map[string]*signer // by the names of the keys
}

// lookUpTime is how long key servers may take to answer which key has a name.
const lookUpTime = 3 * time.Second

// openRemote opens a key on key servers, whose public key is public, unless that is nil. If the servers
// are away and public is not nil, the key is open without them: see [Key].Away. If why is not nil the
// servers are known to be away, and why is the error.
func (r *Ring) openRemote(n Named, public crypto.PublicKey, why error) (*Key, error) {
	uri, err := keyuri.Parse(n.Value)
	if err == nil && uri.Name == "" {
		err = errors.New("the URI has no name of a key; write NAME after the servers and a /")
	}
	if err != nil {
		return nil, Failure(n.Option, err)
	}
	s, err := r.server(uri)
	if err != nil {
		return nil, Failure(n.Option, err)
	}
	name, _, _ := strings.Cut(n.Value, "?")
	k := &Key{Name: name, Server: s}
	if known := s.signers[uri.Name]; known == nil || !publickey.Equal(known.Public(), public) {
		var found remote.Signer
		if why == nil {
			if found, err = s.lookUp(r.life, uri.Name); err != nil {
				why = Failure(n.Option, err)
			}
		}
		switch {
		case why == nil:
			keep(s.signers, uri.Name, &signer{Signer: found})
		case !IsAway(why) || public == nil:
			return nil, why
		default:
			if err := r.openLater(k, uri.Name, public); err != nil {
				return nil, Failure(n.Option, err)
			}
			k.Away = why
		}
	}
	k.Private = s.signers[uri.Name].Signer
	return k, nil
}

// openLater notes the signer of a key whose servers are away.
func (r *Ring) openLater(k *Key, name string, public crypto.PublicKey) error {
	s := k.Server
	later, err := s.SignerFor(public)
	if err != nil {
		return err
	}
	ctx, drop := context.WithCancel(r.life)
	keep(s.signers, name, &signer{later, drop})
	r.awaitLater(ctx, k, func() (bool, error) {
		if !slices.ContainsFunc(s.Nodes(), isUp) {
			return false, nil
		}
		found, err := s.lookUp(ctx, name)
		if err == nil && !publickey.Equal(found.Public(), public) {
			err = fmt.Errorf("the servers have another key of the name %q", name)
		}
		return true, err
	})
	return nil
}

// lookUp returns the key of a name. The error is [engine.ErrUnavailable] if no server can be reached, at
// once, or if none answers in time. It is a usage error, too, if all servers refuse this client.
func (s *Server) lookUp(ctx context.Context, name string) (remote.Signer, error) {
	ctx, cancel := context.WithTimeout(ctx, lookUpTime)
	defer cancel()
	nodes := AwaitNodes(ctx, s.Engine, true)
	if !slices.ContainsFunc(nodes, isUp) {
		ctx = engine.WithFallback(ctx) // so that the engine does not wait any longer
	}
	found, err := s.Signer(ctx, name)
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("%w: %w", engine.ErrUnavailable, err)
	}
	if err != nil && len(nodes) > 0 && !slices.ContainsFunc(nodes, mayAccept) {
		err = cli.Usagef("%w", err)
	}
	return found, err
}

func mayAccept(n remote.NodeHealth) bool { return !errors.Is(n.LastError, remote.ErrClientRefused) }

func isUp(n remote.NodeHealth) bool { return n.Up }

// AwaitNodes returns the nodes of a new engine when each is up or has failed, or ctx is done. If one is
// enough it does not wait longer than for the first that is up.
func AwaitNodes(ctx context.Context, e *remote.Engine, one bool) []remote.NodeHealth {
	look := time.NewTicker(2 * time.Millisecond)
	defer look.Stop()
	for {
		nodes := e.Nodes()
		unknown := func(n remote.NodeHealth) bool { return !n.Up && n.LastError == nil }
		if len(nodes) > 0 && !slices.ContainsFunc(nodes, unknown) || one && slices.ContainsFunc(nodes, isUp) {
			return nodes
		}
		select {
		case <-ctx.Done():
			return nodes
		case <-look.C:
		}
	}
}

// server returns the servers of a URI.
func (r *Ring) server(uri *keyuri.URI) (*Server, error) {
	servers := uri.Servers()
	if s := r.byServers[servers]; s != nil {
		return s, nil
	}
	c, err := RemoteConfig(uri, r.o.Logger)
	if err != nil {
		return nil, err
	}
	e, err := remote.New(c)
	if err != nil {
		return nil, err
	}
	s := &Server{Engine: e, signers: make(map[string]*signer)}
	s.Name = unused(strings.ToValidUTF8(strings.Join(uri.Nodes, ","), "?"), func(name string) bool {
		return slices.ContainsFunc(r.servers, func(other *Server) bool { return other.Name == name })
	})
	r.servers = append(r.servers, s)
	r.byServers[servers] = s
	return s, nil
}

// Servers returns the key servers that the ring uses.
func (r *Ring) Servers() []*Server { return r.servers }
