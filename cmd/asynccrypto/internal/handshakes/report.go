package handshakes

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

	"asynccrypto/cmd/asynccrypto/internal/cli"
	"asynccrypto/internal/measure"
)

// report presents the measurements of a load.
type report struct {
	l     *load
	cores int
}

func newReport(l *load) *report {
	return &report{l: l, cores: runtime.GOMAXPROCS(0)}
}

// verdict returns the command's error: nil if a handshake of the requested kind succeeded.
func (r *report) verdict() error {
	l := r.l
	switch {
	case l.wanted > 0:
		return nil
	case l.done > 0:
		return fmt.Errorf("none of %s was resumed: the server gives session tickets but does not accept them",
			measure.Count(l.done, "handshake"))
	case l.failures.total > 0:
		worst := l.failures.sorted()[0]
		return fmt.Errorf("none of %s succeeded, mostly for this: %s: %s", measure.Count(l.begun, "handshake"), worst.Phase, worst.Cause)
	}
	return errors.New("no handshake began in that time; give it longer with -time")
}

// kind names the requested kind of handshake.
func (r *report) kind() string {
	if r.l.o.resume {
		return "resumed handshake"
	}
	return "full handshake"
}

func (r *report) perSecond() float64 { return float64(r.l.wanted) / r.l.elapsed.Seconds() }

// clientCPU is how long this process computed for each handshake, also for those that are not in
// the figures.
func (r *report) clientCPU() time.Duration {
	return r.l.computed / time.Duration(max(r.l.done, 1))
}

// clientBusy is the fraction of its cores that this process used.
func (r *report) clientBusy() float64 {
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
	return cli.OneLine(strings.Join(parts, ", "))
}

// negotiated returns the different agreements, the most frequent first.
func (r *report) negotiated() []negotiated {
	return slices.SortedStableFunc(maps.Keys(r.l.with), func(a, b negotiated) int {
		return cmp.Or(cmp.Compare(r.l.with[b], r.l.with[a]), cmp.Compare(a.String(), b.String()))
	})
}

// writeText writes the report for a reader.
func (r *report) writeText(w io.Writer) error {
	l := r.l
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s, as %s: %s\n", l.common.address, serverName(l), l.trial.with)
	if n := r.negotiated(); len(n) > 1 || len(n) == 1 && n[0] != l.trial.with {
		for _, n := range n {
			fmt.Fprintf(&b, "  %s with %s\n", measure.Number(float64(l.with[n])), n)
		}
	}
	fmt.Fprintf(&b, "%s in %s, %d at a time: %s per second; %s failed\n", measure.Count(l.wanted, r.kind()),
		measure.Duration(l.elapsed), l.workers, measure.Number(r.perSecond()), measure.Number(float64(l.failures.total)))
	if full := l.done - l.resumed; l.o.resume && full == 0 {
		fmt.Fprintf(&b, "All handshakes that succeeded were resumed.\n")
	} else if l.o.resume {
		fmt.Fprintf(&b, "Beware: the server did not resume %s more, which are not in the figures.\n", measure.Number(float64(full)))
	}
	const line = "%-10s %7s %7s %7s %7s\n"
	fmt.Fprintf(&b, "\n"+line, "", "p50", "p90", "p99", "max")
	for _, d := range []struct {
		name string
		*durations
	}{{"handshake", &l.handshake}, {"dial", &l.dial}} {
		if d.Count() > 0 {
			fmt.Fprintf(&b, line, d.name, measure.Duration(d.Quantile(0.5)), measure.Duration(d.Quantile(0.9)),
				measure.Duration(d.Quantile(0.99)), measure.Duration(d.max))
		}
	}
	if l.failures.total > 0 {
		fmt.Fprintf(&b, "\nFailed:\n")
		for _, g := range l.failures.sorted() {
			fmt.Fprintf(&b, "%10s  %s: %s\n", measure.Number(float64(g.Count)), g.Phase, g.Cause)
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
	if l.o.offer.insecure {
		return l.config.ServerName + " (not verified)"
	}
	return l.config.ServerName
}

// remarks returns sentences that say how far to trust the figures.
func (r *report) remarks() (all []string) {
	l := r.l
	remark := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	if l.computed > 0 && l.done > 0 {
		remark("Client CPU: %s for each handshake, %.0f%% of %s.", measure.Duration(r.clientCPU()), 100*r.clientBusy(), measure.Count(r.cores, "core"))
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
		remark("Beware: the server left %s open after close_notify, so its worker waited %s before the next.",
			measure.Count(l.leftOpen, "connection"), measure.Duration(l.common.closeWait))
	}
	if rate := float64(l.begun) / l.elapsed.Seconds(); l.o.rate > 0 && rate < 0.95*float64(l.o.rate) && !l.interrupted {
		remark("Beware: %s of %s handshakes per second began, because all workers were busy; raise -concurrency,\n"+
			"unless the server is at its limit.",
			measure.Number(rate), measure.Number(float64(l.o.rate)))
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
