package handshakes

import (
	"encoding/json"
	"io"
)

// jsonReport is the object that -json writes. Scripts rely on the names.
type jsonReport struct {
	Address     string           `json:"address"` // the address that was measured
	ServerName  string           `json:"server_name"`
	Resume      bool             `json:"resume"` // the requested kind of handshake: per_sec and handshake are of this kind
	Concurrency int              `json:"concurrency"`
	Seconds     float64          `json:"seconds"`
	Interrupted bool             `json:"interrupted"`
	Begun       int              `json:"begun"` // succeeded and failed
	Succeeded   int              `json:"succeeded"`
	Resumed     int              `json:"resumed"` // of the succeeded
	Failed      int              `json:"failed"`
	LeftOpen    int              `json:"left_open"`
	PerSec      float64          `json:"per_sec"`
	Handshake   jsonDurations    `json:"handshake"`
	Dial        jsonDurations    `json:"dial"`
	ClientCPU   int64            `json:"client_cpu_ns"`   // for each that succeeded
	ClientBusy  float64          `json:"client_cpu_busy"` // part of client_cores, from 0 to 1
	ClientCores int              `json:"client_cores"`
	Negotiated  []jsonNegotiated `json:"negotiated"` // the most frequent first
	Failures    []*failureGroup  `json:"failures"`   // the most frequent first
}

type jsonDurations struct {
	P50 int64 `json:"p50_ns"`
	P90 int64 `json:"p90_ns"`
	P99 int64 `json:"p99_ns"`
	Max int64 `json:"max_ns"`
}

type jsonNegotiated struct {
	Handshakes  int    `json:"handshakes"`
	Version     string `json:"version"`
	Cipher      string `json:"cipher"`
	Curve       string `json:"curve"` // empty if there was no key exchange on one
	Certificate string `json:"certificate"`
	ALPN        string `json:"alpn"`
	Retried     bool   `json:"hello_retry_request"`
}

func (d *durations) json() jsonDurations {
	return jsonDurations{int64(d.Quantile(0.5)), int64(d.Quantile(0.9)), int64(d.Quantile(0.99)), int64(d.max)}
}

func (r *report) writeJSON(w io.Writer) error {
	l := r.l
	out := jsonReport{
		Address: l.common.address, ServerName: l.config.ServerName, Resume: l.o.resume, Concurrency: l.workers,
		Seconds: l.elapsed.Seconds(), Interrupted: l.interrupted,
		Begun: l.begun, Succeeded: l.done, Resumed: l.resumed, Failed: l.failures.total, LeftOpen: l.leftOpen,
		PerSec: r.perSecond(), Handshake: l.handshake.json(), Dial: l.dial.json(),
		ClientCPU: int64(r.clientCPU()), ClientBusy: r.clientBusy(), ClientCores: r.cores,
		Negotiated: []jsonNegotiated{}, Failures: l.failures.sorted(),
	}
	if out.Failures == nil {
		out.Failures = []*failureGroup{}
	}
	for _, n := range r.negotiated() {
		out.Negotiated = append(out.Negotiated, jsonNegotiated{l.with[n], n.version, n.cipher, n.curve, n.certificate, n.alpn, n.retried})
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(out)
}
