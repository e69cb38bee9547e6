package main

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// remoteKey is a P-256 key of the service. Its Sign blocks, which is all that workers.New
// needs: the engine calls it on a worker, and the caller's job pauses meanwhile.
type remoteKey struct {
	url    string // of the key
	public *ecdsa.PublicKey
	http   *http.Client
}

// signRequest asks for a signature of a digest. The message itself never leaves the caller.
type signRequest struct {
	Digest []byte `json:"digest"`
}

// open asks the service for the public key of that name.
func open(service, name string) (*remoteKey, error) {
	k := &remoteKey{url: service + "/keys/" + name, http: &http.Client{
		// A plain Sign has no context: this is the only bound on a service that does not
		// answer. And one connection is kept for each request under way; by default http keeps
		// two.
		Timeout:   10 * time.Second,
		Transport: &http.Transport{MaxIdleConnsPerHost: inHand},
	}}
	der, err := k.do(context.Background(), "GET", nil)
	if err != nil {
		return nil, err
	}
	public, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return nil, err
	}
	var ok bool
	if k.public, ok = public.(*ecdsa.PublicKey); !ok {
		return nil, fmt.Errorf("key service: %s is not an ECDSA key", name)
	}
	return k, nil
}

// Public implements crypto.Signer.
func (k *remoteKey) Public() crypto.PublicKey { return k.public }

// Sign implements crypto.Signer. The random bytes are the service's.
func (k *remoteKey) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return k.sign(context.Background(), digest, opts)
}

// sign is Sign with a context, for engines that pass their callers' on. It checks all of its
// input, because such an engine calls it on a goroutine of its own, where a panic, as by HashFunc
// of nil options, would end the process.
func (k *remoteKey) sign(ctx context.Context, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if opts == nil || opts.HashFunc() != crypto.SHA256 || len(digest) != sha256.Size {
		return nil, errors.New("key service: not a SHA-256 digest, which is all that this key signs; give crypto.SHA256")
	}
	body, err := json.Marshal(signRequest{digest})
	if err != nil {
		return nil, err
	}
	return k.do(ctx, "POST", body)
}

func (k *remoteKey) do(ctx context.Context, method string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, k.url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	resp, err := k.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("key service: %s: %s", resp.Status, bytes.TrimSpace(answer))
	}
	return answer, nil
}
