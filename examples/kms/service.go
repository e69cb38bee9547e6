package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// service is the far side, so that the example needs nothing but itself. It holds one key. A
// real one would know its callers, by TLS with client certificates for example.
type service struct {
	url     string
	latency time.Duration
	key     *ecdsa.PrivateKey
	server  *http.Server

	now, most atomic.Int64 // signatures under way, and the most at a time
	givenUp   atomic.Int64 // requests whose caller did not wait for the answer
}

func startService(latency time.Duration) (*service, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &service{url: "http://" + l.Addr().String(), latency: latency, key: key}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /keys/signing-key-1", s.public)
	mux.HandleFunc("POST /keys/signing-key-1", s.sign)
	s.server = &http.Server{Handler: mux}
	go s.server.Serve(l)
	return s, nil
}

func (s *service) close() { s.server.Close() }

func (s *service) public(w http.ResponseWriter, _ *http.Request) {
	der, err := x509.MarshalPKIXPublicKey(&s.key.PublicKey)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Write(der)
}

func (s *service) sign(w http.ResponseWriter, req *http.Request) {
	now := s.now.Add(1)
	defer s.now.Add(-1)
	for most := s.most.Load(); now > most && !s.most.CompareAndSwap(most, now); {
		most = s.most.Load()
	}
	var r signRequest
	if err := json.NewDecoder(http.MaxBytesReader(w, req.Body, 1<<10)).Decode(&r); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	select {
	case <-time.After(s.latency):
	case <-req.Context().Done():
		s.givenUp.Add(1)
		return
	}
	signature, err := ecdsa.SignASN1(rand.Reader, s.key, r.Digest)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Write(signature)
}
