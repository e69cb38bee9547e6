package asynctls

import (
	"context"
	"crypto/tls"
)

// Lookups returns a copy of c whose GetCertificate, GetClientCertificate and GetConfigForClient, where set, run through
// do, so that one which blocks, on a database say, holds up neither an event loop nor other handshakes. do runs f, pauses
// the job that ctx carries meanwhile, and returns f's error, or its own if it gives up; with an engine that is
//
//	do := func(ctx context.Context, f func() error) error { return eng.Do(ctx, engine.Func(f)) }
//
// where eng, one of package engine/workers say, has as many workers as lookups may be under way. Apply it before Config,
// which binds the keys of the certificates found:
//
//	cfg = asynctls.Config(asynctls.Lookups(cfg, do))
//
// The functions are then called on other goroutines than their handshake's, and may go on after that was given up.
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
		found := new(*Out) // not a variable of this call, which may be over before get is
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
