package main

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// other is somebody's library to measure beside, by a program of ours, when a flag asks for it. The program is run anew for
// every slice: it reads its keys and messages, and answers as parseOther reads it. One that was asked for and isn't
// there ends the run before it begins, unlike openssl: nobody asks for it without wanting its figures.
type other struct {
	Name    string  `json:"name"`              // the library, with its version
	About   string  `json:"about"`             // what it does and doesn't do in its slice that ours does
	Call    *series `json:"call_us,omitempty"` // microseconds of a call without RSA, where that is something
	keys    int     // how many it signs with, all at a time
	target  func(algorithm string) float64
	command []string
	copied  bool // the program is copied in every round, as ours is: see signRun.fresh
	// input makes the program's input, and what checks its results.
	input func(keys []*rsa.PrivateKey) (string, func(results [][]byte) error)
	calls []float64
}

// beside is how a row stands beside an other.
type beside struct {
	Name      string  `json:"name"`
	Theirs    *series `json:"per_s"`
	Ratio     *series `json:"ratio"`
	AtLeast   float64 `json:"at_least,omitempty"`
	Verdict   string  `json:"verdict,omitempty"`
	Disturbed int     `json:"disturbed,omitempty"` // of their slices

	other  *other
	theirs []float64
}

// findOthers looks for what the flags ask for. Programs that are to be compiled come to dir.
func findOthers(ctx context.Context, p signPlan, dir string) (others []*other, err error) {
	if p.node != "" {
		o, err := findNode(ctx, p.node, dir)
		if err != nil {
			return nil, fmt.Errorf("-node: %w", err)
		}
		others = append(others, o)
	}
	if p.cryptoMB != "" {
		o, err := findCryptoMB(ctx, p.cryptoMB, dir)
		if err != nil {
			return nil, fmt.Errorf("-crypto-mb: %w", err)
		}
		others = append(others, o)
	}
	return others, nil
}

// others are compared with the row of most jobs and keys, where the targets are; those that sign one at a time with a lone
// job too, where they may well be the faster.
func (f *signFindings) others(all []*other) {
	f.Others = all
	for _, r := range f.Rows {
		if r.Section != sectionSign || r.Jobs != jobsFull && r.Jobs != 1 || r.Keys != f.Keys {
			continue
		}
		for _, o := range all {
			if r.Jobs == 1 && o.keys > 1 {
				continue
			}
			b := &beside{Name: o.Name, other: o}
			if f.Reason == "" && r.Jobs == jobsFull {
				b.AtLeast = o.target(r.Algorithm)
			}
			r.Others = append(r.Others, b)
		}
	}
}

// copyOthers makes this round's copies of programs.
func (r *signRun) copyOthers() error {
	for _, o := range r.f.Others {
		if !o.copied {
			continue
		}
		if err := copyProgram(filepath.Join(r.dir, filepath.Base(o.command[0])), o.command[0]); err != nil {
			return err
		}
	}
	return nil
}

// measureOthers measures all of them once for an algorithm, for all rows that they are compared with.
func (r *signRun) measureOthers(algorithm string) error {
	for _, other := range r.f.Others {
		o, err := r.quietly(func() (outcome, error) { return other.sign(r, algorithm) })
		if err != nil {
			return err
		}
		for _, row := range r.f.Rows {
			for _, b := range row.Others {
				if row.Algorithm == algorithm && b.other == other {
					b.theirs = append(b.theirs, o.perSecond())
					b.Disturbed += r.disturbed(o)
				}
			}
		}
	}
	return nil
}

// othersTimes is how many times as long as ours they are measured: they start anew each time.
const othersTimes = 4

// sign measures one slice, and verifies the results that it ends with.
func (o *other) sign(r *signRun, algorithm string) (outcome, error) {
	keys := make([]*rsa.PrivateKey, o.keys)
	for i := range keys {
		all := r.keySet[algorithm]
		key, err := x509.ParsePKCS8PrivateKey(all[i%len(all)])
		if err != nil {
			return outcome{}, err
		}
		keys[i] = key.(*rsa.PrivateKey)
	}
	input, verify := o.input(keys)
	command := o.command
	if o.copied {
		command = append([]string{filepath.Join(r.dir, filepath.Base(command[0]))}, command[1:]...)
	}
	ms := strconv.FormatFloat(float64(othersTimes*r.time)/float64(time.Millisecond), 'f', -1, 64)
	said, err := outputOf(r.ctx, r.cpu, input, command[0], append(command[1:len(command):len(command)], ms)...)
	if err != nil {
		return outcome{}, fmt.Errorf("%s, %s: %w", o.Name, algorithm, err)
	}
	found, call, results, err := parseOther(said)
	if err == nil && len(results) != o.keys {
		err = fmt.Errorf("%d results, not %d", len(results), o.keys)
	}
	if err == nil {
		err = verify(results)
	}
	if err != nil {
		return outcome{}, fmt.Errorf("%s, %s: %w", o.Name, algorithm, err)
	}
	if call > 0 {
		o.calls = append(o.calls, call)
	}
	return found, nil
}

// parseOther reads an answer: a line with how many, seconds, seconds of CPU time and perhaps the microseconds of a call, and
// lines with results in hex.
func parseOther(said string) (o outcome, call float64, results [][]byte, err error) {
	lines := strings.Split(strings.TrimSpace(said), "\n")
	var figures []float64
	for _, field := range strings.Fields(lines[0]) {
		v, bad := strconv.ParseFloat(field, 64)
		if bad != nil || !(v > 0) {
			return o, 0, nil, fmt.Errorf("%q is no figure", field)
		}
		figures = append(figures, v)
	}
	if len(figures) < 3 || len(figures) > 4 {
		return o, 0, nil, fmt.Errorf("an answer of %d figures, not 3 or 4", len(figures))
	}
	o.Done, o.Time = uint64(figures[0]), time.Duration(figures[1]*float64(time.Second))
	o.Share = min(1, figures[2]/figures[1])
	if len(figures) > 3 {
		call = figures[3]
	}
	for _, line := range lines[1:] {
		result, err := hex.DecodeString(strings.TrimSpace(line))
		if err != nil {
			return o, 0, nil, fmt.Errorf("a result: %w", err)
		}
		results = append(results, result)
	}
	return o, call, results, nil
}

// othersVersion runs a program for the first time.
func othersVersion(ctx context.Context, command []string) (string, error) {
	said, err := output(ctx, noPin, command[0], append(command[1:len(command):len(command)], "version")...)
	if said = strings.TrimSpace(said); err == nil && said == "" {
		err = errors.New("it does not say its version")
	}
	return said, err
}

// concludeOthers sums up the rounds.
func (f *signFindings) concludeOthers() {
	for _, o := range f.Others {
		o.Call = summarize(o.calls)
	}
	for _, r := range f.Rows {
		for _, b := range r.Others {
			b.Theirs, b.Ratio = summarize(b.theirs), summarize(ratios(r.ours, b.theirs))
			b.Verdict = f.judged(r.Disturbed+b.Disturbed, reached(b.Ratio, b.AtLeast))
		}
	}
}

// othersTable is in microseconds, as everybody else's figures for these libraries are.
func (f *signFindings) othersTable(b *strings.Builder) {
	if len(f.Others) == 0 {
		return
	}
	width := 0
	for _, o := range f.Others {
		width = max(width, len(o.Name))
	}
	line := fmt.Sprintf("%%-8s %%4s  %%-%ds %%9s %%11s   %%s", width)
	fmt.Fprintf(b, "\n%d jobs beside others, and one job: microseconds of one core for a signature (%d keys); theirs in slices of %v\n",
		jobsFull, f.Keys, time.Duration(othersTimes*f.SideNS))
	put(b, line, "", "jobs", "", "theirs", "multibuffer", "x theirs")
	for _, r := range sortedSign(f.Rows) {
		for _, o := range r.Others {
			if o.Ratio == nil {
				continue
			}
			put(b, line, r.Algorithm, fmt.Sprint(r.Jobs), o.Name, threeDigits(1e6/o.Theirs.Median), threeDigits(1e6/r.Ours.Median),
				ratioText(o.Ratio, o.AtLeast, o.Verdict))
		}
	}
	for _, o := range f.Others {
		fmt.Fprintf(b, "%s: %s\n", o.Name, o.About)
		if o.Call != nil {
			fmt.Fprintf(b, "%s: an HMAC-SHA256 of the message takes %s us (%s..%s): about so much of each figure is Node's calls and hashing; it is not subtracted\n",
				o.Name, threeDigits(o.Call.Median), threeDigits(o.Call.Min), threeDigits(o.Call.Max))
		}
	}
	fmt.Fprintln(b, "the last results of each slice of theirs were verified too")
}

// lookProgram is exec.LookPath, with a word on what to do.
func lookProgram(name, hint string) (string, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		return "", &missing{fmt.Sprintf("no command %q", name), hint}
	}
	return filepath.Abs(path)
}

// hexLines are numbers in hex, a line for each.
func hexLines(numbers ...[]byte) string {
	var b strings.Builder
	for _, n := range numbers {
		b.WriteString(hex.EncodeToString(n) + "\n")
	}
	return b.String()
}
