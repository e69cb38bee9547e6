package asynctls

import (
	"context"
	"crypto/tls"
	"crypto/x509"
)

// Lookups returns a copy of c that calls these of its functions, where set, through do. A function
// that blocks, for example on a database, then holds up neither an event loop nor other
// handshakes.
//
//	GetCertificate, GetClientCertificate            which certificate to use
//	GetConfigForClient                              which configuration, whose functions are
//	                                                called through do as well
//	VerifyConnection, VerifyPeerCertificate         whether to accept the peer
//	WrapSession, UnwrapSession                      sessions that are stored elsewhere
//	GetEncryptedClientHelloKeys,                    Encrypted Client Hello
//	EncryptedClientHelloRejectionVerify
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
// handshake was given up. In a [Conn], and so in a tlsserver.Server, ctx carries the handshake's
// job. In net/http there is no job, so do blocks the handshake's goroutine. ctx ends with the
// handshake there, except for the functions that crypto/tls gives no context: VerifyConnection,
// VerifyPeerCertificate, WrapSession, UnwrapSession and EncryptedClientHelloRejectionVerify.
//
// ClientSessionCache is not among the functions, because a client calls its Put when it reads
// data, outside of any job: use one that does not block.
func Lookups(c *tls.Config, do func(ctx context.Context, f func() error) error) *tls.Config {
	if c == nil {
		return nil
	}
	c = c.Clone()
	if get := c.GetCertificate; get != nil {
		c.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			return lookup(hello.Context(), do, func() (*tls.Certificate, error) { return get(hello) })
		}
	}
	if get := c.GetClientCertificate; get != nil {
		c.GetClientCertificate = func(info *tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return lookup(info.Context(), do, func() (*tls.Certificate, error) { return get(info) })
		}
	}
	if get := c.GetConfigForClient; get != nil {
		c.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			found, err := lookup(hello.Context(), do, func() (*tls.Config, error) { return get(hello) })
			return Lookups(found, do), err
		}
	}
	if get := c.GetEncryptedClientHelloKeys; get != nil {
		c.GetEncryptedClientHelloKeys = func(hello *tls.ClientHelloInfo) ([]tls.EncryptedClientHelloKey, error) {
			return lookup(hello.Context(), do, func() ([]tls.EncryptedClientHelloKey, error) { return get(hello) })
		}
	}
	c.VerifyConnection = verifyThrough(do, c.VerifyConnection)
	c.EncryptedClientHelloRejectionVerify = verifyThrough(do, c.EncryptedClientHelloRejectionVerify)
	if verify := c.VerifyPeerCertificate; verify != nil {
		c.VerifyPeerCertificate = func(raw [][]byte, chains [][]*x509.Certificate) error {
			return do(withJob(context.Background()), func() error { return verify(raw, chains) })
		}
	}
	if wrap := c.WrapSession; wrap != nil {
		c.WrapSession = func(cs tls.ConnectionState, session *tls.SessionState) ([]byte, error) {
			return lookup(context.Background(), do, func() ([]byte, error) { return wrap(cs, session) })
		}
	}
	if unwrap := c.UnwrapSession; unwrap != nil {
		c.UnwrapSession = func(identity []byte, cs tls.ConnectionState) (*tls.SessionState, error) {
			return lookup(context.Background(), do, func() (*tls.SessionState, error) { return unwrap(identity, cs) })
		}
	}
	return c
}

// lookup calls get through do. ctx is what crypto/tls has given the function of the tls.Config.
func lookup[T any](ctx context.Context, do func(context.Context, func() error) error, get func() (T, error)) (T, error) {
	found := new(T) // on the heap, because this call may return before get does
	err := do(withJob(ctx), func() (err error) {
		*found, err = get()
		return err
	})
	if err != nil {
		var none T
		return none, err
	}
	return *found, nil
}

// verifyThrough returns verify called through do, or nil if it is nil.
func verifyThrough(
	do func(context.Context, func() error) error, verify func(tls.ConnectionState) error,
) func(tls.ConnectionState) error {
	if verify == nil {
		return nil
	}
	return func(cs tls.ConnectionState) error {
		return do(withJob(context.Background()), func() error { return verify(cs) })
	}
}
