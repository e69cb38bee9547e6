package keyring

import (
	"context"
	"crypto"
	"crypto/rand"
	"time"

	"asynccrypto/cmd/asynccrypto/internal/keyuri"
	"asynccrypto/internal/measure"
)

// openAway returns a key of a token, or of servers, that is away because of why.
func (r *Ring) openAway(n Named, public crypto.PublicKey, why error) (*Key, error) {
	if keyuri.Is(n.Value) {
		return r.openRemote(n, public, why)
	}
	t, err := r.token(n.Value, true)
	if err != nil {
		return nil, Failure(n.Option, err)
	}
	later, err := t.SignerOf(n.Value, public)
	if err != nil {
		return nil, Failure(n.Option, err)
	}
	ctx, drop := context.WithCancel(r.life)
	keep(t.signers, n.Value, &signer{later, drop})
	k := t.key(n.Value)
	k.Away = why
	op := measure.Sign(later.WithContext(ctx), rand.Reader)
	r.awaitLater(ctx, k, func() (bool, error) {
		if !t.Health().Up {
			return false, nil
		}
		signature, err := op.Direct(0)
		if err == nil {
			err = op.Verify(0, signature)
		}
		return true, err
	})
	return k, nil
}

// awaitLater tries a key, in the background, until its place is there and the key works there, and
// logs the outcome. Without a logger it does nothing.
func (r *Ring) awaitLater(ctx context.Context, k *Key, try func() (there bool, err error)) {
	if r.o.Logger != nil {
		r.waiting.Go(func() { r.await(ctx, k.Name, try) })
	}
}

func (r *Ring) await(ctx context.Context, key string, try func() (there bool, err error)) {
	again := time.NewTicker(awaitPause)
	defer again.Stop()
	for said := ""; ; {
		select {
		case <-ctx.Done():
			return
		case <-again.C:
		}
		there, err := try()
		switch {
		case ctx.Err() != nil:
			return
		case !there:
		case err == nil:
			r.o.Logger.Info("the key is used from now on: its place is there", "key", key)
			return
		case err.Error() != said:
			said = err.Error()
			r.o.Logger.Error("the key is not used", "key", key, "error", err)
		}
	}
}

// awaitPause is the time between two looks at a place that was away.
const awaitPause = time.Second
