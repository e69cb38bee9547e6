package main

import (
	"fmt"
	"math"
	"runtime"
	"strings"
	"time"

	"asynccrypto/engine/multibuffer"
)

// signFindings is all that a run found out; -json prints it as it is.
type signFindings struct {
	Machine   machine            `json:"machine"`
	Reason    string             `json:"no_gain_because,omitempty"` // why the lanes can't be used
	Missing   string             `json:"openssl_missing,omitempty"`
	Others    []*other           `json:"others,omitempty"` // that were asked for
	Rounds    int                `json:"rounds"`
	SideNS    int64              `json:"side_ns"`
	Keys      int                `json:"keys"`
	Rows      []*signRow         `json:"rows"`
	KeyBytes  map[string]float64 `json:"key_bytes"` // what the engine keeps for a wrapped key, beside the key
	Verified  uint64             `json:"verified"`  // results: all there were
	Slices    int                `json:"slices"`
	Again     int                `json:"measured_again"` // slices that others had a part of
	Disturbed int                `json:"disturbed"`      // and of which all tries were such
}

// The sections of the report.
const (
	sectionSign  = "sign"  // jobs through the engine beside crypto/rsa and openssl, on one core
	sectionAlone = "alone" // one operation at a time, of any algorithm
	sectionCores = "cores" // two cores beside one
	sectionCost  = "cost"  // the engine beside the bare kernels
	sectionStops = "stops" // stopping the world under full load
)

// signRow is one line: something of ours and what it is compared with, the base.
type signRow struct {
	Section   string `json:"section"`
	Name      string `json:"name"`
	Algorithm string `json:"algorithm"`
	Operation string `json:"operation"`
	Way       string `json:"way"`
	Keys      int    `json:"keys"`
	Jobs      int    `json:"jobs,omitempty"`
	Base      string `json:"base"` // the way that it is compared with

	Ours      *series   `json:"ours_per_s,omitempty"`
	Theirs    *series   `json:"base_per_s,omitempty"`
	OpenSSL   *series   `json:"openssl_per_s,omitempty"`
	Ratio     *series   `json:"ratio,omitempty"` // ours / base, pair by pair
	AtLeast   float64   `json:"at_least,omitempty"`
	Verdict   string    `json:"verdict,omitempty"`
	XOpenSSL  *series   `json:"openssl_ratio,omitempty"`
	AtLeastO  float64   `json:"openssl_at_least,omitempty"`
	VerdictO  string    `json:"openssl_verdict,omitempty"`
	Others    []*beside `json:"others,omitempty"`
	MeanBatch float64   `json:"mean_batch,omitempty"`
	Stops     []stop    `json:"stops,omitempty"`
	BaseStops []stop    `json:"base_stops,omitempty"`
	Disturbed int       `json:"disturbed,omitempty"` // measurements in which others had a part of the cores
	Skipped   string    `json:"skipped,omitempty"`

	cores, baseCores    int
	opensslHere         bool // openssl is measured before this row, for those rows
	before, after       int
	ours, base, openssl []float64
	batches             []float64
}

var rsaSizes = []int{2048, 3072, 4096}

// signTargets are what the multi-buffer engine has to reach with jobsFull jobs, by algorithm.
var signTargets = map[string]struct{ std, openssl30, openssl35, cryptoMB, alone float64 }{
	"rsa2048": {8.5, 2.2, 2.2, 1.1, 1.8},
	"rsa3072": {8, 5, 2, 1.6, 1},
	"rsa4096": {7.5, 5, 1.85, 1.4, 1},
}

// jobsFull fill every batch.
const (
	jobsFull    = 64
	coresTarget = 1.9
	costTarget  = 0.97 // of the bare kernels' rate, for RSA-2048
	keyTarget   = 64 << 10
)

var jobCounts = []int{1, 2, 4, 8, jobsFull}

// newSignFindings has the rows, in the order in which they are measured.
func newSignFindings(p signPlan) *signFindings {
	f := &signFindings{
		Machine: machine{
			CPU:    cpuModel(),
			Cores:  runtime.NumCPU(),
			System: runtime.GOOS + "/" + runtime.GOARCH,
			Go:     runtime.Version(),
			Date:   time.Now().Format(time.DateOnly),
		},
		Rounds:   p.rounds,
		SideNS:   p.time.Nanoseconds(),
		Keys:     p.keys,
		KeyBytes: map[string]float64{},
	}
	_, f.Reason = multibuffer.Supported()
	f.signRows()
	f.aloneRows()
	for _, bits := range rsaSizes {
		f.otherRows(fmt.Sprintf("rsa%d", bits))
	}
	return f
}

func (f *signFindings) add(r *signRow) *signRow {
	r.cores, r.baseCores = max(r.cores, 1), max(r.baseCores, 1)
	if (r.cores == 2 || r.baseCores == 2) && f.Machine.Cores < 2 {
		r.Skipped = "there is but one core"
	}
	f.Rows = append(f.Rows, r)
	return r
}

// signRows: one key, from few jobs to many; then many keys, from many jobs to few, so that the rows with most jobs are on
// either side of openssl.
func (f *signFindings) signRows() {
	for _, bits := range rsaSizes {
		name := fmt.Sprintf("rsa%d", bits)
		row := func(keys, jobs int) *signRow {
			r := f.add(&signRow{Section: sectionSign, Algorithm: name, Operation: "sign", Way: wayJobs, Keys: keys, Jobs: jobs, Base: wayDirect,
				Name: fmt.Sprintf("%s, %d keys, %d jobs", name, keys, jobs)})
			switch {
			case f.Reason != "" && jobs == 1:
				r.AtLeast = 1
			case f.Reason != "":
			case jobs == 1:
				r.AtLeast = signTargets[name].alone
			case jobs == jobsFull:
				r.AtLeast = signTargets[name].std
			}
			return r
		}
		for _, jobs := range jobCounts {
			row(1, jobs)
		}
		for i := range jobCounts {
			r := row(f.Keys, jobCounts[len(jobCounts)-1-i])
			if i == 0 {
				r.opensslHere, r.before, r.after = true, len(jobCounts), len(jobCounts)
			}
		}
	}
}

// aloneRows are the operations one at a time, as a job and from a plain goroutine. RSA signatures as a job are among the
// signRows.
func (f *signFindings) aloneRows() {
	for _, a := range []struct{ algorithm, operation string }{
		{"rsa2048", "sign"}, {"rsa3072", "sign"}, {"rsa4096", "sign"}, {"rsa2048", "decrypt"},
		{"ecdsap256", "sign"}, {"ecdsap384", "sign"}, {"ed25519", "sign"}, {"ecdhx25519", "derive"},
	} {
		for _, way := range []string{wayJobs, wayPlain} {
			t, lanes := signTargets[a.algorithm], a.operation == "sign" && strings.HasPrefix(a.algorithm, "rsa")
			if lanes && way == wayJobs {
				continue
			}
			r := &signRow{Section: sectionAlone, Algorithm: a.algorithm, Operation: a.operation, Way: way, Keys: 1, Base: wayDirect, AtLeast: 1,
				Name: a.algorithm + " " + a.operation + ", alone"}
			if way == wayJobs {
				r.Jobs = 1
			}
			if lanes && f.Reason == "" {
				r.AtLeast = t.alone
			}
			f.add(r)
		}
	}
}

// otherRows are what else there is to know of jobs that fill every batch.
func (f *signFindings) otherRows(algorithm string) {
	full := func(section, base, what string) *signRow {
		return f.add(&signRow{Section: section, Algorithm: algorithm, Operation: "sign", Way: wayJobs, Keys: f.Keys, Jobs: jobsFull, Base: base,
			Name: algorithm + ", " + what, cores: map[string]int{sectionCost: 1}[section]})
	}
	two := func(r *signRow, ours, base int) *signRow {
		r.cores, r.baseCores = ours, base
		if f.Machine.Cores < 2 {
			r.Skipped = "there is but one core"
		}
		return r
	}
	two(full(sectionCores, wayJobs, "two cores"), 2, 1).AtLeast = coresTarget
	std := two(full(sectionCores, wayDirect, "two cores, crypto/rsa"), 2, 1)
	std.Way, std.Jobs = wayDirect, 0
	cost := full(sectionCost, wayKernel, "the engine's own cost")
	if algorithm == "rsa2048" {
		cost.AtLeast = costTarget
	}
	if f.Reason != "" {
		cost.Skipped = "there are no kernels here: " + f.Reason
	}
	two(full(sectionStops, wayDirect, "stopping the world"), 2, 2)
}

func (r *signRow) ourTask(p signPlan) task { return r.task(p, r.Way, r.Jobs) }

func (r *signRow) baseTask(p signPlan) task {
	jobs := 0
	if r.Base == wayJobs {
		jobs = r.Jobs
	}
	return r.task(p, r.Base, jobs)
}

func (r *signRow) task(p signPlan, way string, jobs int) task {
	t := task{Algorithm: r.Algorithm, Operation: r.Operation, Way: way, Keys: r.Keys, Jobs: jobs, Time: p.time, Stops: r.Section == sectionStops}
	if r.Section == sectionStops {
		t.Time *= 3 // there are a hundred in a second at most
	}
	return t
}

func (r *signRow) noteOurs(o outcome) {
	r.ours = append(r.ours, o.perSecond())
	r.batches = append(r.batches, o.Batch)
	r.Stops = addStops(r.Stops, o.Stops)
}

func (r *signRow) noteBase(o outcome) {
	r.base = append(r.base, o.perSecond())
	r.BaseStops = addStops(r.BaseStops, o.Stops)
}

// openssl notes what there is beside us, and what has to be reached beside this version.
func (f *signFindings) openssl(o *opensslSpeed) {
	f.Machine.Libcrypto = o.version
	for _, r := range f.Rows {
		if r.Section != sectionSign || r.Jobs != jobsFull || f.Reason != "" {
			continue
		}
		r.AtLeastO = opensslTarget(o.release(), r.Algorithm)
	}
}

// conclude sums up the rounds.
func (f *signFindings) conclude() {
	for _, r := range f.Rows {
		r.Ours, r.Theirs, r.OpenSSL = summarize(r.ours), summarize(r.base), summarize(r.openssl)
		r.Ratio, r.XOpenSSL = summarize(ratios(r.ours, r.base)), summarize(ratios(r.ours, r.openssl))
		r.Verdict, r.VerdictO = f.judged(r.Disturbed, reached(r.Ratio, r.AtLeast)), f.judged(r.Disturbed, reached(r.XOpenSSL, r.AtLeastO))
		if s := summarize(r.batches); s != nil {
			r.MeanBatch = s.Median
		}
	}
	f.concludeOthers()
}

// judged is a verdict, or why there is none.
func (f *signFindings) judged(disturbed int, verdict string) string {
	if verdict != "" && 2*disturbed > f.Rounds { // the median may be one of them
		return "not judged, disturbed"
	}
	return verdict
}

// reached says what became of a target, of the median as it is printed: with two digits after the point.
func reached(ratio *series, atLeast float64) string {
	switch {
	case ratio == nil || atLeast == 0:
		return ""
	case math.Round(ratio.Median*100)/100 < atLeast:
		return "missed"
	}
	return "met"
}
