package handshakes

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"

	"asynccrypto/cmd/asynccrypto/internal/cli"
	"asynccrypto/cmd/asynccrypto/internal/sockerr"
	"asynccrypto/internal/measure"
)

// failures counts failed handshakes by phase and cause. Its size is bounded, because a server can
// make up any number of error messages.
type failures struct {
	total  int
	groups []*failureGroup
}

type failureGroup struct {
	Phase    string   `json:"phase"`
	Cause    string   `json:"cause"`
	Count    int      `json:"count"`
	Examples []string `json:"examples"` // whole messages that differ: at most maxExamples
}

const (
	maxFailureGroups = 16
	maxExamples      = 3
	otherCauses      = "other causes"
)

func (f *failures) add(phase string, err error, o *options) {
	f.total++
	why, _ := causeOf(err, o)
	why = cli.OneLine(why)
	find := func(why string) int {
		return slices.IndexFunc(f.groups, func(g *failureGroup) bool { return g.Phase == phase && g.Cause == why })
	}
	i := find(why)
	if i < 0 && len(f.groups) >= maxFailureGroups {
		phase, why = "any phase", otherCauses
		i = find(why)
	}
	if i < 0 {
		i = len(f.groups)
		f.groups = append(f.groups, &failureGroup{Phase: phase, Cause: why})
	}
	g := f.groups[i]
	g.Count++
	if text := cli.OneLine(err.Error()); len(g.Examples) < maxExamples && !slices.Contains(g.Examples, text) {
		g.Examples = append(g.Examples, text)
	}
}

// sorted returns the groups, the largest first.
func (f *failures) sorted() []*failureGroup {
	return slices.SortedStableFunc(slices.Values(f.groups), func(a, b *failureGroup) int { return cmp.Compare(b.Count, a.Count) })
}

// explain returns the command's error for a first handshake that has failed, with a hint if there
// is one.
func explain(phase string, err error, o *options) error {
	why, hint := causeOf(err, o)
	if hint != "" {
		hint = "; " + hint
	}
	return fmt.Errorf("%s: %s%s", phase, why, hint)
}

// causeOf returns why a handshake failed, without the ports and addresses that differ from one
// connection to the next, and a hint to the user, which may be empty.
func causeOf(err error, o *options) (why, hint string) {
	var netErr net.Error
	if errors.Is(err, context.DeadlineExceeded) || errors.As(err, &netErr) && netErr.Timeout() {
		return "no answer within " + measure.Duration(o.timeout), "-timeout gives it longer"
	}
	if v, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return "the server's certificate can't be verified: " + strings.TrimPrefix(v.Err.Error(), "x509: "), verifyHint(v.Err, o)
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return "the server does not speak TLS", "is this the right port?"
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return "looking up " + dns.Name + ": " + dns.Err, ""
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return "the server closed the connection", ""
	}
	op, isOp := errors.AsType[*net.OpError](err)
	if isOp && op.Op == "remote error" {
		return alertCause(strings.TrimPrefix(op.Err.Error(), "tls: "), o)
	}
	if isOp && op.Op != "local error" {
		return innermost(op.Err), socketHint(err)
	}
	why = strings.TrimPrefix(err.Error(), "local error: ")
	return strings.TrimPrefix(why, "tls: "), ""
}

func verifyHint(err error, o *options) string {
	const without = "-insecure leaves the check out"
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return "give a name that it holds with -servername, or " + without
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok && o.offer.ca == "" {
		return "give the CA's certificate with -ca FILE, or " + without
	}
	return without
}

// alertCause explains the server's alert. Servers, and versions of TLS, differ in the alert that
// means that a client certificate is wanted.
func alertCause(alert string, o *options) (why, hint string) {
	why = fmt.Sprintf("the server answered with an alert (%s)", alert)
	switch alert {
	case "certificate required", "bad certificate", "unknown certificate authority", "unknown certificate", "access denied":
		if o.offer.cert == "" {
			return why, "it may want a client certificate; give one with -cert and -key"
		}
		return why, "it does not accept the client certificate"
	case "no application protocol":
		return why, "it supports none of the protocols of -alpn"
	case "unrecognized name":
		return why, "give a name that it serves with -servername"
	case "protocol version not supported", "insufficient security level", "handshake failure":
		var hints []string
		if o.offer.version != "" || o.offer.curve != "" || o.offer.cipher != "" {
			hints = append(hints, "it may support none of the choices that -tls, -curve and -cipher leave")
		}
		if alert == "handshake failure" && o.offer.cert == "" {
			hints = append(hints, "it may want a client certificate, which -cert and -key give")
		}
		return why, strings.Join(hints, ", or ")
	}
	return why, ""
}

func innermost(err error) string {
	if s, ok := errors.AsType[*os.SyscallError](err); ok {
		return s.Err.Error()
	}
	return err.Error()
}

func socketHint(err error) string {
	switch {
	case errors.Is(err, sockerr.ConnectionRefused):
		return "does the server listen there?"
	case errors.Is(err, sockerr.TooManyFiles):
		return "too many open files: lower -concurrency, or raise ulimit -n"
	case errors.Is(err, sockerr.AddressNotAvailable):
		return "this machine has run out of ports; lower -concurrency, or limit the rate with -rate"
	}
	return ""
}
