package sign

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"asynccrypto/bench/internal/harness"
	"asynccrypto/bench/internal/ops"
)

// other is a library to measure beside when a flag asks for it, by a program of ours. The program
// starts again for every slice: it reads its keys and messages, and ops.ParseAnswer reads its
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
	input   func(keys []*rsa.PrivateKey) (string, func(results [][]byte) error)
	batches *ops.CryptoMB // nil unless it is crypto_mb, whose full batches are compared too
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
	keys ops.KeySet
}

// sign measures one slice, and verifies the results that it ends with.
func (o *other) sign(ctx context.Context, s othersSlice, algorithm string) (ops.Outcome, error) {
	keys := make([]*rsa.PrivateKey, o.keys)
	for i := range keys {
		all := s.keys[algorithm]
		key, err := x509.ParsePKCS8PrivateKey(all[i%len(all)])
		if err != nil {
			return ops.Outcome{}, err
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
		return ops.Outcome{}, fmt.Errorf("%s, %s: %w", o.name, algorithm, err)
	}
	found, call, results, err := ops.ParseAnswer(said)
	if err == nil && len(results) != o.keys {
		err = fmt.Errorf("%d results, not %d", len(results), o.keys)
	}
	if err == nil {
		err = verify(results)
	}
	if err != nil {
		return ops.Outcome{}, fmt.Errorf("%s, %s: %w", o.name, algorithm, err)
	}
	if call > 0 && o.call != nil {
		o.call.Note(call)
	}
	return found, nil
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
