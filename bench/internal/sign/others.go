package sign

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

	"asynccrypto/bench/internal/harness"
	"asynccrypto/internal/measure"
)

// other is a library to measure beside when a flag asks for it, by a program of ours. The
// program starts anew for every slice: it reads its keys and messages, and parseOther reads its
// answer. If one that a flag asks for is not there, the run ends before it begins, unlike with
// openssl: nobody asks for it without wanting its figures.
type other struct {
	name    string // the library, with its version
	about   string // how the work in its slice differs from ours
	keys    int    // how many it signs with, all at a time
	goal    func(algorithm string) float64
	command []string
	copied  bool // the program is copied in every round, as ours is: see [harness.CopyOfThis]
	// input makes the program's input, and a function that checks its results.
	input func(keys []*rsa.PrivateKey) (string, func(results [][]byte) error)
	// call gets the microseconds of a call without RSA, where the program tells; nil elsewhere.
	call *harness.Value
}

// besideRow compares ours with an other, in microseconds.
type besideRow struct {
	report       *harness.Row
	other        *other
	theirs, ours *harness.Value
}

// findOthers looks for the libraries that the flags ask for. Programs that need compiling are
// put into dir.
func findOthers(ctx context.Context, o options, dir string) (others []*other, err error) {
	if o.node != "" {
		found, err := findNode(ctx, o.node, dir)
		if err != nil {
			return nil, fmt.Errorf("-node: %w", err)
		}
		others = append(others, found)
	}
	if o.cryptoMB != "" {
		found, err := findCryptoMB(ctx, o.cryptoMB, dir)
		if err != nil {
			return nil, fmt.Errorf("-crypto-mb: %w", err)
		}
		others = append(others, found)
	}
	return others, nil
}

// withOthers compares the rows of most jobs and keys with the others, as the goals are set
// there. Those that sign one at a time are compared with a lone job too, as they may well be
// faster than that.
func (p *plan) withOthers(all []*other) {
	for _, o := range all {
		p.result.Beside = append(p.result.Beside, o.name)
		p.result.Notes = append(p.result.Notes, o.name+": "+o.about)
	}
	for _, r := range p.signing {
		if r.ours.Keys != p.keys || r.ours.Jobs != jobsFull && r.ours.Jobs != 1 {
			continue
		}
		for _, o := range all {
			if r.ours.Jobs == 1 && o.keys > 1 {
				continue
			}
			goal := harness.Goal{}
			if r.ours.Jobs == jobsFull {
				goal = p.goal(o.goal(r.ours.Algorithm))
			}
			b := &besideRow{report: p.beside.Row(fmt.Sprintf("%s, %s, %s", r.ours.Algorithm, measure.Count(r.ours.Jobs, "job"), o.name)), other: o}
			b.theirs = b.report.Value("the other", harness.Microseconds)
			b.ours = b.report.Value("multibuffer", harness.Microseconds)
			b.report.TimesLess("times as fast", b.ours, b.theirs, goal)
			r.others = append(r.others, b)
		}
	}
	for _, o := range all {
		if o.keys == 1 {
			row := p.beside.Row(o.name + ", an HMAC-SHA256 of the message")
			row.Remark = "about this much of each figure is calls and hashing; it is not subtracted"
			o.call = row.Value("the other", harness.Microseconds)
		}
	}
}

// copyOthers makes this round's copies of programs.
func (s *session) copyOthers() error {
	for _, o := range s.others {
		if !o.copied {
			continue
		}
		if err := harness.CopyProgram(filepath.Join(s.dir, filepath.Base(o.command[0])), o.command[0]); err != nil {
			return err
		}
	}
	return nil
}

// measureOthers measures all others once for an algorithm, for all rows that compare with them.
func (s *session) measureOthers(ctx context.Context, algorithm string) error {
	for _, other := range s.others {
		var rows []*besideRow
		var reports []*harness.Row
		for _, r := range s.plan.signing {
			for _, b := range r.others {
				if r.ours.Algorithm == algorithm && b.other == other {
					rows, reports = append(rows, b), append(reports, b.report)
				}
			}
		}
		o, err := harness.Quietly(s.Run, func() (outcome, float64, error) {
			o, err := other.sign(ctx, s, algorithm)
			return o, o.Share, err
		}, reports...)
		if err != nil {
			return err
		}
		for _, b := range rows {
			b.theirs.Note(1e6 / o.perSecond())
		}
	}
	return nil
}

// othersTimes is how many times as long as ours the others' slices are, as their programs start
// anew each time.
const othersTimes = 4

// sign measures one slice, and verifies the results that it ends with.
func (o *other) sign(ctx context.Context, s *session, algorithm string) (outcome, error) {
	keys := make([]*rsa.PrivateKey, o.keys)
	for i := range keys {
		all := s.keySet[algorithm]
		key, err := x509.ParsePKCS8PrivateKey(all[i%len(all)])
		if err != nil {
			return outcome{}, err
		}
		keys[i] = key.(*rsa.PrivateKey)
	}
	input, verify := o.input(keys)
	command := o.command
	if o.copied {
		command = append([]string{filepath.Join(s.dir, filepath.Base(command[0]))}, command[1:]...)
	}
	ms := fmt.Sprint(float64(othersTimes*s.Slice) / float64(time.Millisecond))
	said, _, err := harness.OutputShare(ctx, s.cpu, input, command[0], append(command[1:len(command):len(command)], ms)...)
	if err != nil {
		return outcome{}, fmt.Errorf("%s, %s: %w", o.name, algorithm, err)
	}
	found, call, results, err := parseOther(said)
	if err == nil && len(results) != o.keys {
		err = fmt.Errorf("%d results, not %d", len(results), o.keys)
	}
	if err == nil {
		err = verify(results)
	}
	if err != nil {
		return outcome{}, fmt.Errorf("%s, %s: %w", o.name, algorithm, err)
	}
	if call > 0 && o.call != nil {
		o.call.Note(call)
	}
	return found, nil
}

// parseOther reads an answer: a line with the number of signatures, the seconds, the seconds of
// CPU time and perhaps the microseconds of a call, and lines with results in hex.
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
	said, err := harness.Output(ctx, harness.NoPin, command[0], append(command[1:len(command):len(command)], "version")...)
	if said = strings.TrimSpace(said); err == nil && said == "" {
		err = errors.New("it does not say its version")
	}
	return said, err
}

// lookProgram is exec.LookPath with a hint.
func lookProgram(name, hint string) (string, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		return "", &harness.Missing{What: fmt.Sprintf("no command %q", name), Hint: hint}
	}
	return filepath.Abs(path)
}

// hexLines returns numbers in hex, one a line.
func hexLines(numbers ...[]byte) string {
	var b strings.Builder
	for _, n := range numbers {
		b.WriteString(hex.EncodeToString(n) + "\n")
	}
	return b.String()
}
