package asynctls

import (
	"context"
	"crypto/tls"
)

// Lookups returns a copy of c that calls its GetCertificate, GetClientCertificate and
// GetConfigForClient, where set, through do. A function that blocks, for example on a database,
// then holds up neither an event loop nor other handshakes.
//
// do runs f while the job that ctx carries is paused, and returns f's error, or its own if it
// gives up. With an engine that is
//
//	do := func(ctx context.Context, f func() error) error { return eng.Do(ctx, engine.Func(f)) }
//
// where eng, for example one of package engine/workers, has as many workers as lookups may be
// under way. Apply Lookups before [Config], which binds the keys of the certificates that are
// found:
//
//	cfg = asynctls.Config(asynctls.Lookups(cfg, do))
//
// The functions are called on other goroutines than their handshake's, and may go on after the
// handshake was given up.
func Lookups(c *tls.Config, do func(ctx context.Context, f func() error) error) *tls.Config {
	if c == nil {
		return nil
	}
	c = c.Clone()
	c.GetCertificate = lookup(c.GetCertificate, (*tls.ClientHelloInfo).Context, do)
	c.GetConfigForClient = lookup(c.GetConfigForClient, (*tls.ClientHelloInfo).Context, do)
	c.GetClientCertificate = lookup(c.GetClientCertificate, (*tls.CertificateRequestInfo).Context, do)
	return c
}

func lookup[In, Out any](
	get func(*In) (*Out, error),
	contextOf func(*In) context.Context,
	do func(context.Context, func() error) error,
) func(*In) (*Out, error) {
	if get == nil {
		return nil
	}
	return func(in *In) (*Out, error) {
		found := new(*Out) // on the heap, because this call may return before get does
		err := do(contextOf(in), func() (err error) {
			*found, err = get(in)
			return err
		})
		if err != nil {
			return nil, err
		}
		return *found, nil
	}
}
