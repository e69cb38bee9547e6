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
)

// other is a library to measure beside when a flag asks for it, by a program of ours. The
// program starts again for every slice: it reads its keys and messages, and parseOther reads its
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

// othersTimes is how many times as long as ours the others' slices are, as their programs start
// again each time.
const othersTimes = 4

// othersSlice is how a program of theirs is run.
type othersSlice struct {
	dir  string // of the round's copies of programs
	cpu  int
	time time.Duration // of a slice of ours
	keys keySet
}

// sign measures one slice, and verifies the results that it ends with.
func (o *other) sign(ctx context.Context, s othersSlice, algorithm string) (outcome, error) {
	keys := make([]*rsa.PrivateKey, o.keys)
	for i := range keys {
		all := s.keys[algorithm]
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
	ms := fmt.Sprint(float64(othersTimes*s.time) / float64(time.Millisecond))
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
