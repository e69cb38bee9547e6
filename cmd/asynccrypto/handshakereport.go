package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"runtime"
	"slices"
	"strings"
	"time"
)

// handshakesReport is what handshakes found.
type handshakesReport struct {
	l     *load
	cores int
}

func (l *load) report() *handshakesReport {
	return &handshakesReport{l: l, cores: runtime.GOMAXPROCS(0)}
}

// verdict is nil if there is anything of the kind that was asked for to report.
func (r *handshakesReport) verdict() error {
	l := r.l
	switch {
	case l.wanted > 0:
		return nil
	case l.done > 0:
		return fmt.Errorf("none of %s was resumed: the server gives session tickets, and does not take them back",
			count(l.done, "handshake"))
	case l.failures.total > 0:
		worst := l.failures.sorted()[0]
		return fmt.Errorf("none of %s succeeded, mostly for this: %s: %s", count(l.begun, "handshake"), worst.Phase, worst.Cause)
	}
	return errors.New("no handshake was begun in that time; give it longer with -seconds")
}

// kind names the handshakes that the figures are about.
func (r *handshakesReport) kind() string {
	if r.l.o.resume {
		return "resumed handshake"
	}
	return "full handshake"
}

func (r *handshakesReport) perSecond() float64 { return float64(r.l.wanted) / r.l.elapsed.Seconds() }

// clientCPU is what this process computed for each handshake, those that are not in the figures too.
func (r *handshakesReport) clientCPU() time.Duration {
	return r.l.computed / time.Duration(max(r.l.done, 1))
}

// clientBusy is the part of its cores that this process used.
func (r *handshakesReport) clientBusy() float64 {
	return r.l.computed.Seconds() / (r.l.whole.Seconds() * float64(r.cores))
}

func (n negotiated) String() string {
	parts := []string{n.version, n.cipher}
	if n.curve != "" {
		parts = append(parts, n.curve)
	}
	if n.certificate != "" {
		parts = append(parts, n.certificate+" certificate")
	}
	if n.alpn != "" {
		parts = append(parts, "ALPN "+n.alpn)
	}
	return oneLine(strings.Join(parts, ", "))
}

// negotiated returns what was agreed on, the most frequent first.
func (r *handshakesReport) negotiated() []negotiated {
	return slices.SortedStableFunc(maps.Keys(r.l.with), func(a, b negotiated) int {
		return cmp.Or(cmp.Compare(r.l.with[b], r.l.with[a]), cmp.Compare(a.String(), b.String()))
	})
}

// writeText writes the screen.
func (r *handshakesReport) writeText(w io.Writer) error {
	l := r.l
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s, as %s: %s\n", l.common.address, serverName(l), l.trial.with)
	if n := r.negotiated(); len(n) > 1 || len(n) == 1 && n[0] != l.trial.with {
		for _, n := range n {
			fmt.Fprintf(&b, "  %s with %s\n", thousands(float64(l.with[n])), n)
		}
	}
	fmt.Fprintf(&b, "%s in %s, %d at a time: %s per second; %s failed\n", count(l.wanted, r.kind()),
		shortDuration(l.elapsed), l.workers, thousands(r.perSecond()), thousands(float64(l.failures.total)))
	if full := l.done - l.resumed; l.o.resume && full == 0 {
		fmt.Fprintf(&b, "All handshakes that succeeded were resumed.\n")
	} else if l.o.resume {
		fmt.Fprintf(&b, "Beware: the server did not resume %s more, which are not in the figures.\n", thousands(float64(full)))
	}
	const line = "%-10s %7s %7s %7s %7s\n"
	fmt.Fprintf(&b, "\n"+line, "", "p50", "p90", "p99", "max")
	for _, d := range []struct {
		name string
		*durations
	}{{"handshake", &l.handshake}, {"dial", &l.dial}} {
		if d.count > 0 {
			fmt.Fprintf(&b, line, d.name, shortDuration(d.quantile(0.5)), shortDuration(d.quantile(0.9)),
				shortDuration(d.quantile(0.99)), shortDuration(d.max))
		}
	}
	if l.failures.total > 0 {
		fmt.Fprintf(&b, "\nFailed:\n")
		for _, g := range l.failures.sorted() {
			fmt.Fprintf(&b, "%10s  %s: %s\n", thousands(float64(g.Count)), g.Phase, g.Cause)
			if g.Cause == otherCauses {
				fmt.Fprintf(&b, "%10s  such as: %s\n", "", strings.Join(g.Examples, "; "))
			}
		}
	}
	b.WriteString("\n")
	for _, remark := range r.remarks() {
		fmt.Fprintf(&b, "%s\n", remark)
	}
	_, err := w.Write(b.Bytes())
	return err
}

func serverName(l *load) string {
	if l.o.tls.insecure {
		return l.config.ServerName + " (not verified)"
	}
	return l.config.ServerName
}

// remarks say how far to trust the figures.
func (r *handshakesReport) remarks() (all []string) {
	l := r.l
	remark := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	if l.computed > 0 && l.done > 0 {
		remark("Client CPU: %s for each handshake, %.0f%% of %s.", shortDuration(r.clientCPU()), 100*r.clientBusy(), count(r.cores, "core"))
		if r.clientBusy() > 0.85 {
			remark("Beware: the client was the limit. The server may be able to do more; run the client on more cores.")
		}
	}
	if local(l.trial.remote) {
		remark("The server is on this machine: client and server share its cores.")
	}
	if l.config.GetClientCertificate != nil && !l.clientCert.Load() {
		remark("Beware: the server did not ask for the client certificate.")
	}
	if l.trial.with.retried {
		remark("The server wanted another key share, which costs a round trip (HelloRetryRequest); -curve can offer it at once.")
	}
	if l.leftOpen > 0 {
		remark("Beware: the server left %s open after close_notify, so that its worker waited %s before the next.",
			count(l.leftOpen, "connection"), shortDuration(l.common.closeWait))
	}
	if rate := float64(l.begun) / l.elapsed.Seconds(); l.o.rate > 0 && rate < 0.95*float64(l.o.rate) && !l.interrupted {
		remark("Beware: %s of %s handshakes per second were begun, as all workers were waiting; raise -concurrency,\n"+
			"unless the server is at its limit.",
			thousands(rate), thousands(float64(l.o.rate)))
	}
	return all
}

func local(a net.Addr) bool {
	switch a := a.(type) {
	case *net.TCPAddr:
		return a.IP.IsLoopback()
	case *net.UnixAddr:
		return true
	}
	return false
}
