//go:build linux

package provider

import (
	"bytes"
	"crypto"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"asynccrypto/internal/testwait"
)

// get makes a request of HTTP, which the server answers with "hello".
func get(c *tls.Conn) error {
	if _, err := io.WriteString(c, request); err != nil {
		return err
	}
	answer, err := io.ReadAll(c)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) { // not all servers say that they end
		return err
	}
	if _, body, _ := bytes.Cut(answer, []byte("\r\n\r\n")); string(bytes.TrimSpace(body)) != "hello" {
		return fmt.Errorf("it answers %q", answer)
	}
	return nil
}

// dial makes a connection, and checks that the site's key has signed.
func (s *site) dial(addr string, config *tls.Config) (*tls.Conn, error) {
	dialed, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	dialed.SetDeadline(testwait.Limit())
	c := tls.Client(dialed, config)
	if err := c.Handshake(); err != nil {
		dialed.Close()
		return nil, fmt.Errorf("handshake: %w", err)
	}
	public := c.ConnectionState().PeerCertificates[0].PublicKey.(interface{ Equal(crypto.PublicKey) bool })
	if !public.Equal(s.key.signer.Public()) {
		dialed.Close()
		return nil, errors.New("the certificate is of another key")
	}
	s.made.Add(1)
	return c, nil
}

// connect makes a connection with a request, and returns what was agreed.
func (s *site) connect(addr string, config *tls.Config) (state tls.ConnectionState, err error) {
	c, err := s.dial(addr, config)
	if err != nil {
		return state, err
	}
	defer c.Close()
	return c.ConnectionState(), s.ask(c)
}

// versions are those that the servers speak.
var versions = []uint16{tls.VersionTLS12, tls.VersionTLS13}

// handshakes makes n handshakes of each version, eight at a time, each with a request. All must be
// verified, and signed by the key server.
func (s *site) handshakes(n int) {
	s.t.Helper()
	for _, version := range versions {
		before := s.signed()
		l := s.load(n, 0, version)
		l.workers.Wait()
		l.check()
		if now := s.signed(); !s.plain && now-before < n {
			s.t.Errorf("%s: %d signatures in %d handshakes", tls.VersionName(version), now-before, n)
		}
	}
}

// signed returns the number of signatures that the key server has given.
func (s *site) signed() int {
	if s.plain {
		return 0
	}
	return s.k.signatures()
}

// resumes checks that sessions are resumed, which takes no signature.
func (s *site) resumes() {
	s.t.Helper()
	for _, version := range versions {
		config := clientConfig(version)
		config.ClientSessionCache = tls.NewLRUClientSessionCache(1)
		if _, err := s.connect(s.addr, config); err != nil {
			s.fatal("%v", err)
		}
		before := s.signed()
		for range repetitions(5, 20) {
			state, err := s.connect(s.addr, config)
			if err != nil {
				s.fatal("%v", err)
			}
			if !state.DidResume {
				s.fatal("%s: a session was not resumed", tls.VersionName(version))
			}
		}
		if now := s.signed(); now != before {
			s.t.Errorf("%s: %d signatures for resumed sessions", tls.VersionName(version), now-before)
		}
	}
}

// wantsCertificates checks that clients need a certificate where the server wants one.
func (s *site) wantsCertificates() {
	s.t.Helper()
	client := authority().Issue(s.t, "client.test")
	for _, version := range versions {
		config := clientConfig(version)
		config.ServerName = "mutual.localhost"
		if _, err := s.connect(s.mutual, config); err == nil {
			s.t.Errorf("%s: it serves a client without a certificate", tls.VersionName(version))
		}
		config.Certificates = []tls.Certificate{client}
		for range repetitions(5, 20) {
			if _, err := s.connect(s.mutual, config); err != nil {
				s.fatal("%s: %v", tls.VersionName(version), err)
			}
		}
	}
}

// said is what a client sends, and a pattern of the line that it waits for then.
type said struct{ input, line string }

// sClient runs openssl s_client, without the provider, and returns what it prints.
func (s *site) sClient(addr string, talk []said, args ...string) string {
	s.t.Helper()
	need(s.t, "openssl")
	args = append([]string{"s_client", "-connect", addr, "-servername", "localhost", "-tls1_3", "-CAfile", s.caFile(), "-verify_return_error"}, args...)
	cmd := lasting(nil, "openssl", args...)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	p := launch(s.t, cmd)
	for _, turn := range talk {
		if _, err := io.WriteString(stdin, turn.input); err != nil {
			s.t.Fatal(err)
		}
		p.logged(turn.line)
	}
	stdin.Close()
	testwait.Receive(s.t, "the end of s_client", p.ended)
	return p.out.String()
}

// request is what get sends.
const request = "GET /hello HTTP/1.0\r\nHost: localhost\r\n\r\n"

// answered is the answer, in the output of s_client.
const answered = `(?m)^hello`

// updatesKeys has the client and the server exchange their keys before the request.
func (s *site) updatesKeys() {
	s.t.Helper()
	s.sClient(s.addr, []said{{"K\n", `KEYUPDATE`}, {"K\n", `KEYUPDATE(?s:.*)KEYUPDATE`}, {request, answered}})
}

// takesEarlyData sends a request in the first message of a resumed session.
func (s *site) takesEarlyData() {
	s.t.Helper()
	session := s.path("session.pem")
	s.sClient(s.early, []said{{request, answered}}, "-sess_out", session)
	out := s.sClient(s.early, []said{{"", answered}}, "-sess_in", session, "-early_data", s.write("request", request))
	if !strings.Contains(out, "Early data was accepted") {
		s.fatal("no early data: %s", out)
	}
}

// forgets checks that the key is in the memory of no process of the site, or in a plain site that it is
// found.
func (s *site) forgets() {
	s.t.Helper()
	pieces := secrets(s.key)
	var found []string
	for _, pid := range s.processes() {
		found = append(found, inMemory(s.t, pid, pieces)...)
	}
	switch {
	case s.plain && found == nil:
		s.t.Error("the search does not find the key in the memory of a server that has it")
	case !s.plain && found != nil:
		s.t.Errorf("in the memory of the server: %q", found)
	}
}
