package fallback

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"time"

	"asynccrypto/engine"
)

var (
	errWrongProbe  = fmt.Errorf("%w: the signature of its probe is wrong", engine.ErrUnavailable)
	errProbeExited = fmt.Errorf("%w: its probe exited the goroutine", engine.ErrUnavailable)
)

// canProbe reports whether key can make a probe: it signs, and its signatures can be verified.
func canProbe(key key) bool {
	_, ok := key.(crypto.Signer)
	return ok && errors.Is(newProbe(key.Public()).Run(), engine.ErrVerification)
}

// newProbe returns the verification of a probe, without the signature. Key services and tokens may
// insist that an ECDSA digest is as long as the curve's order. Random bytes are as good as a digest.
func newProbe(public crypto.PublicKey) *engine.VerifyOp {
	var hash crypto.Hash // or the message is signed, as by Ed25519
	size := 32
	switch key := public.(type) {
	case *rsa.PublicKey:
		hash = crypto.SHA256
	case *ecdsa.PublicKey:
		switch bits := key.Curve.Params().BitSize; {
		case bits <= 256:
			hash = crypto.SHA256
		case bits <= 384:
			hash = crypto.SHA384
		default:
			hash = crypto.SHA512
		}
	}
	if hash != 0 {
		size = hash.Size()
	}
	digest := make([]byte, size)
	rand.Read(digest)
	return &engine.VerifyOp{Key: public, Digest: digest, Opts: hash}
}

// probeTimeout returns how long a probe may take.
func (m *member) probeTimeout() time.Duration {
	if m.timeout > 0 {
		return m.timeout
	}
	return 10 * time.Second
}

// probe signs random bytes and verifies the signature. The verdict is answered if the member refuses
// to, and nothing if ctx was cancelled.
func (m *member) probe(ctx context.Context) (v verdict, err error) {
	defer func() {
		if value := recover(); value != nil {
			v, err = failed, fmt.Errorf("%w: its probe panicked: %v", engine.ErrUnavailable, value)
		}
	}()
	probe := newProbe(m.key.Public())
	probe.Signature, err = m.bound(ctx).(crypto.Signer).Sign(rand.Reader, probe.Digest, probe.Opts)
	switch {
	case err == nil && probe.Run() == nil:
		return succeeded, nil
	case err == nil:
		return failed, errWrongProbe
	case ctx.Err() == context.Canceled:
		return nothing, err
	case errors.Is(err, engine.ErrUnavailable), errors.Is(err, engine.ErrClosed):
		return failed, err
	case ctx.Err() != nil:
		return failed, m.noAnswer(m.probeTimeout())
	}
	return answered, err
}
