package handshakes

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"asynccrypto/cmd/asynccrypto/internal/cli"
	"asynccrypto/cmd/asynccrypto/internal/sockerr"
	"asynccrypto/cmd/asynccrypto/internal/tlstest"
	"asynccrypto/internal/measure"
)

// A failure of the first handshake ends the command with the cause and a hint.
func TestHandshakesRefused(t *testing.T) {
	cert := tlstest.NewCertificate(t)
	good := newTLSServer(t, cert.Config()).addr
	_, port, _ := net.SplitHostPort(good)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := l.Addr().String()
	l.Close()
	hangs := tlstest.Listen(t, func(_ int, c net.Conn) { io.Copy(io.Discard, c) })
	hangsUp := tlstest.Listen(t, func(_ int, c net.Conn) { c.Read(make([]byte, 4096)) })
	plain := tlstest.Listen(t, func(_ int, c net.Conn) { c.Write([]byte("220 mail.example ESMTP\r\n")); io.Copy(io.Discard, c) })
	old := cert.Config()
	old.MaxVersion = tls.VersionTLS12
	h2 := cert.Config()
	h2.NextProtos = []string{"h2"}
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{closed}, "dial: " + sockerr.ConnectionRefused.Error() + "; does the server listen there?"},
		{[]string{"-timeout", "0.5", hangs}, "handshake: no answer within 500 ms; -timeout gives it longer"},
		{[]string{hangsUp}, "handshake: the server closed the connection"},
		{[]string{plain}, "handshake: the server does not speak TLS; is this the right port?"},
		{[]string{good}, "certificate can't be verified: certificate signed by unknown authority"},
		{[]string{good}, "-ca FILE, or -insecure leaves the check out"},
		{[]string{"-ca", cert.File, "-servername", "example.org", good}, "holds with -servername, or -insecure"},
		{[]string{"-ca", tlstest.NewCertificate(t).File, "127.0.0.1:" + port}, "unknown authority"},
		{[]string{"-insecure", "-tls", "1.3", newTLSServer(t, old).addr}, "alert (protocol version not supported); it may support none of the choices that -tls"},
		{[]string{"-insecure", "-alpn", "spdy", newTLSServer(t, h2).addr}, "it supports none of the protocols of -alpn"},
	} {
		// Without the failure it would outlast the tests.
		got, status, stderr := handshakesJSON(t, append(test.args, "-seconds", "7200")...)
		if status != cli.ExitFailure || !strings.Contains(stderr, test.want) || strings.Count(stderr, "\n") != 1 || got.Begun != 0 {
			t.Errorf("%v: status %d, %s", test.args, status, stderr)
		}
	}
	got, status, stderr := handshakesJSON(t, "-insecure", "-servername", "example.org", "-count", "1", good)
	if status != cli.ExitOK || got.ServerName != "example.org" {
		t.Errorf("status %d, %s", status, stderr)
	}
}

// Later failures are counted by cause. The command fails only if no handshake succeeded.
func TestHandshakesFailing(t *testing.T) {
	cert := tlstest.NewCertificate(t)
	s := &tlsServer{t: t, config: cert.Config()}
	some := tlstest.Listen(t, func(n int, c net.Conn) {
		switch n % 4 {
		case 1:
			c.Read(make([]byte, 4096)) // and closes
		case 2:
			io.Copy(io.Discard, c) // hangs
		default:
			s.handle(n, c)
		}
	})
	var got jsonReport
	var status int
	var stderr string
	for timeout := 1; ; timeout *= 4 { // a busy machine needs a longer one for the handshakes that succeed
		got, status, stderr = handshakesJSON(t, "-count", "12", "-c", "12", "-timeout", fmt.Sprint(timeout), "-ca", cert.File, some)
		if got.Succeeded == 6 || timeout > 60 {
			break
		}
	}
	if status != cli.ExitOK || stderr != "" || got.Succeeded != 6 || len(got.Failures) != 2 {
		t.Fatalf("status %d, %s, %+v", status, stderr, got)
	}
	for _, want := range []string{"the server closed the connection", "no answer within "} {
		i := slices.IndexFunc(got.Failures, func(g *failureGroup) bool { return strings.HasPrefix(g.Cause, want) })
		if i < 0 {
			t.Errorf("no %q in %+v", want, got)
		} else if g := got.Failures[i]; g.Phase != phaseHandshake || g.Count != 3 || len(g.Examples) != 1 {
			t.Errorf("%+v", g)
		}
	}

	once := func() string {
		return tlstest.Listen(t, func(n int, c net.Conn) {
			if n == 0 {
				s.handle(n, c)
			}
		})
	}
	var out, errs bytes.Buffer
	status = Command.Main([]string{"-count", "4", "-ca", cert.File, once()}, cli.Stdio{Out: &out, Err: &errs})
	if status != cli.ExitFailure || !strings.Contains(errs.String(), "none of 4 handshakes succeeded, mostly for this: ") ||
		!strings.Contains(out.String(), "\nFailed:\n") {
		t.Errorf("status %d, %s%s", status, out.String(), errs.String())
	}
	got, status, stderr = handshakesJSON(t, "-seconds", "0.1", "-ca", cert.File, once())
	if status != cli.ExitFailure || got.Failed == 0 || got.Failed > 16*11 {
		t.Errorf("status %d, %s, %+v", status, stderr, got)
	}
}

// A server that stops answering delays the end by no more than the timeout, and does not change
// the rate of its earlier handshakes.
func TestHandshakesStall(t *testing.T) {
	cert := tlstest.NewCertificate(t)
	s := &tlsServer{t: t, config: cert.Config()}
	for seconds := 1; ; seconds *= 4 { // a busy machine needs longer for the first handshakes
		addr := tlstest.Listen(t, func(n int, c net.Conn) {
			if n > 10 {
				io.Copy(io.Discard, c)
				return
			}
			s.handle(n, c)
		})
		began := time.Now()
		got, status, stderr := handshakesJSON(t, "-time", fmt.Sprint(seconds), "-timeout", fmt.Sprint(2*seconds), "-c", "2",
			"-ca", cert.File, addr)
		// The worker of the last handshake waits until its timeout, which the rate leaves out. It
		// counts the time of the measurement as a whole, so at least that much is left out of the
		// run, which takes twice as long.
		whole := time.Since(began).Seconds()
		if status == cli.ExitOK && got.Succeeded == 10 && got.Failed == 2 && got.Seconds <= whole-float64(seconds) {
			return
		}
		if seconds > 60 {
			t.Fatalf("status %d, %s, %+v in %v s", status, stderr, got, whole)
		}
	}
}

// A server that leaves connections open costs a second once, and little after that.
func TestHandshakesLeftOpen(t *testing.T) {
	cert := tlstest.NewCertificate(t)
	addr := tlstest.Listen(t, func(_ int, c net.Conn) {
		if tls.Server(c, cert.Config()).Handshake() == nil {
			io.Copy(io.Discard, c)
		}
	})
	got, status, stderr := handshakesJSON(t, "-count", "4", "-ca", cert.File, addr)
	if status != cli.ExitOK || got.Succeeded != 4 || got.LeftOpen != 4 {
		t.Errorf("status %d, %s, %+v", status, stderr, got)
	}
	server, err := parseAddress(addr)
	if err != nil {
		t.Fatal(err)
	}
	o := &options{timeout: time.Minute, offer: offer{insecure: true}}
	config, err := o.offer.config(server)
	if err != nil {
		t.Fatal(err)
	}
	l := newLoad(o, server, config)
	if err := l.prepare(t.Context(), measure.NewProgress(io.Discard)); err != nil {
		t.Fatal(err)
	}
	if want := max(shortCloseWait, 4*l.trial.dial); l.common.closeWait != want {
		t.Errorf("waits %v after the trial, not %v", l.common.closeWait, want)
	}
}

// The memory for failures is bounded whatever a server sends, and no message has more than a
// line.
func TestFailuresAreBounded(t *testing.T) {
	var f failures
	for i := range 1000 {
		for range i%3 + 1 {
			f.add(phaseHandshake, fmt.Errorf("tls: cause\n%d", i), new(options))
		}
	}
	all := f.sorted()
	if f.total != 1999 || len(all) != maxFailureGroups+1 || all[0].Cause != otherCauses || len(all[0].Examples) != maxExamples {
		t.Fatalf("%d in %d groups, first %+v", f.total, len(all), all[0])
	}
	total := 0
	for _, g := range all {
		total += g.Count
		if strings.Contains(g.Cause+g.Examples[0], "\n") {
			t.Errorf("%q", g.Cause)
		}
	}
	if total != f.total {
		t.Errorf("%d of %d are in a group", total, f.total)
	}
}

// Causes do not include anything that differs from one connection to the next.
func TestCausesGroup(t *testing.T) {
	var f failures
	for port := range 5 {
		f.add(phaseHandshake, &net.OpError{Op: "read", Net: "tcp", Source: &net.TCPAddr{Port: port},
			Err: errors.New("connection reset by peer")}, new(options))
	}
	if len(f.groups) != 1 || f.groups[0].Count != 5 || f.groups[0].Cause != "connection reset by peer" {
		t.Errorf("%+v", f.groups[0])
	}
}

func TestDurations(t *testing.T) {
	var d durations
	for i := range 1000 {
		d.Add(time.Duration(i+1) * time.Millisecond)
	}
	for q, want := range map[float64]time.Duration{0.5: 500e6, 0.9: 900e6, 0.99: 990e6, 1: 1000e6} {
		if got := d.Quantile(q); max(got-want, want-got) > want/100 {
			t.Errorf("quantile %v is %v, not %v", q, got, want)
		}
	}
	var one durations
	one.Add(1_000_001)
	if one.max != 1_000_001 || one.Quantile(0.5) > one.max {
		t.Errorf("%v is beyond the maximum, %v", one.Quantile(0.5), one.max)
	}
}
