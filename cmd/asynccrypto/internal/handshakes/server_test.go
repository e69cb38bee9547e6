package handshakes

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"io"
	"net"
	"sync"
	"testing"

	"asynccrypto/cmd/asynccrypto/internal/cli"
	"asynccrypto/cmd/asynccrypto/internal/tlstest"
)

// tlsServer is an ordinary server that counts the handshakes of its clients.
type tlsServer struct {
	t      *testing.T
	addr   string
	config *tls.Config

	mu                 sync.Mutex
	full, resumed, bad int
}

func newTLSServer(t *testing.T, config *tls.Config) *tlsServer {
	s := &tlsServer{t: t, config: config}
	s.addr = tlstest.Listen(t, s.handle)
	return s
}

func (s *tlsServer) handle(_ int, raw net.Conn) {
	c := tls.Server(raw, s.config)
	defer c.Close()
	err := c.Handshake()
	s.mu.Lock()
	switch {
	case err != nil:
		s.bad++
	case c.ConnectionState().DidResume:
		s.resumed++
	default:
		s.full++
	}
	s.mu.Unlock()
	if err != nil {
		return
	}
	// The client promises to send no data, and to send close_notify.
	if n, err := io.Copy(io.Discard, c); n != 0 || err != nil {
		s.t.Errorf("the client sent %d bytes, and then %v", n, err)
	}
}

// saw returns the counts.
func (s *tlsServer) saw() (full, resumed, bad int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.full, s.resumed, s.bad
}

// handshakesJSON runs the command with -json, and checks that the figures of the report are
// consistent.
func handshakesJSON(t *testing.T, args ...string) (got jsonReport, status int, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	status = Command.Main(append([]string{"-json"}, args...), cli.Stdio{Out: &out, Err: &errs})
	if out.Len() == 0 {
		return got, status, errs.String()
	}
	d := json.NewDecoder(&out)
	d.DisallowUnknownFields()
	if err := d.Decode(&got); err != nil {
		t.Fatalf("%v: %v", args, err)
	}
	total := 0
	for _, g := range got.Failures {
		total += g.Count
	}
	agreed := 0
	for _, n := range got.Negotiated {
		agreed += n.Handshakes
	}
	kind := got.Succeeded
	if got.Resume {
		kind = got.Resumed
	}
	h, dial := got.Handshake, got.Dial
	if got.Begun != got.Succeeded+got.Failed || total != got.Failed || agreed != kind || got.Seconds <= 0 ||
		h.P50 > h.P90 || h.P90 > h.P99 || h.P99 > h.Max || (h.P50 > 0) != (kind > 0) ||
		dial.P50 > dial.P90 || dial.P90 > dial.P99 || dial.P99 > dial.Max || (got.PerSec > 0) != (kind > 0) {
		t.Errorf("%v: figures that don't go together: %+v", args, got)
	}
	return got, status, errs.String()
}
