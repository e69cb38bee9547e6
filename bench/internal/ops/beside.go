package ops

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"asynccrypto/bench/internal/harness"
	"asynccrypto/engine/multibuffer"
	"asynccrypto/internal/ifma"
	"asynccrypto/internal/measure"
)

// Beside is a table of full batches: our kernels, called directly, beside crypto_mb's.
type Beside struct {
	*CryptoMB
	table  *harness.Table
	rows   []*besideRow
	reason string // why there are no kernels here; empty where there are
}

type besideRow struct {
	ours         Side
	report       *harness.Row
	theirs, mine *harness.Value
}

// NewBeside adds the table to the result.
func NewBeside(m *CryptoMB, run *harness.Run) *Beside {
	if !slices.Contains(run.Result.Beside, m.Name) {
		run.Result.Beside = append(run.Result.Beside, m.Name)
	}
	note := fmt.Sprintf("microseconds an operation on one core, in batches of %d with %d keys, both called directly. crypto_mb "+
		"verifies no signature that it makes, draws no random bytes and pads no message; ours does", ifma.Lanes, ifma.Lanes)
	_, reason := multibuffer.Supported()
	return &Beside{CryptoMB: m, table: run.Result.Table("full batches beside crypto_mb", note), reason: reason}
}

// Row adds an operation.
func (b *Beside) Row(run *harness.Run, algorithm, operation string, goal harness.Goal) {
	r := &besideRow{
		ours:   Side{Task: Task{Algorithm: algorithm, Operation: operation, Way: WayKernel, Keys: ifma.Lanes, Time: run.Slice}, Cores: 1},
		report: b.table.Row(algorithm + " " + operation),
	}
	if b.reason != "" {
		r.report.Skipped = "there are no kernels here: " + b.reason
		return
	}
	r.theirs = r.report.Value("crypto_mb", harness.Microseconds)
	r.mine = r.report.Value("our kernels", harness.Microseconds)
	r.report.TimesLess("times as fast", r.mine, r.theirs, goal)
	b.rows = append(b.rows, r)
}

// Measure measures all rows in a round.
func (b *Beside) Measure(ctx context.Context, round int, s *Session) error {
	program := filepath.Join(s.Dir, filepath.Base(b.Program))
	if err := harness.CopyProgram(program, b.Program); err != nil {
		return err
	}
	for _, r := range b.rows {
		s.Show(round, b.table.Title+": "+r.report.Name)
		in, err := newBatch(r.ours.Algorithm, r.ours.Operation, s.Keys)
		if err != nil {
			return err
		}
		theirs := func() error {
			o, err := harness.Quietly(s.Run, func() (Outcome, float64, error) {
				o, err := in.run(ctx, program, s)
				return o, o.Share, err
			}, r.report)
			if err != nil {
				return fmt.Errorf("%s, %s: %w", b.Name, r.report.Name, err)
			}
			r.theirs.Note(o.Microseconds())
			return nil
		}
		ours := func() error {
			o, err := s.Do(ctx, r.ours, r.report)
			if err == nil {
				r.mine.Note(o.Microseconds())
			}
			return err
		}
		if err := harness.Alternate(round, theirs, ours); err != nil {
			return err
		}
	}
	return nil
}

// batch is the input of crypto_mb's program.
type batch struct {
	operation string // the program's name of it
	size      int    // of a number, in bytes
	lines     strings.Builder
	checks    [ifma.Lanes]func(result []byte) error
}

// besideTimes is how many times as long as ours the slices of crypto_mb are, as its program starts
// again each time.
const besideTimes = 2

func (b *batch) run(ctx context.Context, program string, s *Session) (Outcome, error) {
	ms := fmt.Sprint(float64(besideTimes*s.Slice) / float64(time.Millisecond))
	input := strconv.Itoa(b.size) + "\n" + b.lines.String()
	said, _, err := harness.OutputShare(ctx, s.CPU, input, program, b.operation, ms)
	if err != nil {
		return Outcome{}, err
	}
	o, _, results, err := ParseAnswer(said)
	if err == nil && len(results) != ifma.Lanes {
		err = fmt.Errorf("%d results, not %d", len(results), ifma.Lanes)
	}
	for l := 0; err == nil && l < ifma.Lanes; l++ {
		err = b.checks[l](results[l])
	}
	return o, err
}

var errBatch = errors.New("a result is wrong")

// verdict checks the answer of a verification.
func verdict(result []byte) error {
	if !bytes.Equal(result, []byte{1}) {
		return errBatch
	}
	return nil
}

func equal(want []byte) func([]byte) error {
	return func(result []byte) error {
		if !bytes.Equal(result, want) {
			return errBatch
		}
		return nil
	}
}

// newBatch makes the input of eight operations, with a key each.
func newBatch(algorithm, operation string, keys KeySet) (*batch, error) {
	b := new(batch)
	for l := range ifma.Lanes {
		var key any
		var err error
		if all := keys[algorithm]; len(all) > 0 {
			key, err = x509.ParsePKCS8PrivateKey(all[l%len(all)])
		} else {
			key, err = measure.GenerateKey(algorithm)
		}
		if err == nil {
			err = b.add(l, key, strings.HasPrefix(operation, "verify"), operation == "keygen")
		}
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", algorithm, operation, err)
		}
	}
	return b, nil
}

// add adds the operands of a lane.
func (b *batch) add(l int, key any, verify, keygen bool) error {
	operand := func(numbers ...[]byte) { b.lines.WriteString(HexLines(numbers...)) }
	if k, ok := key.(*ecdh.PrivateKey); ok {
		b.operation, b.size = "x25519-keygen", 32
		operand(k.Bytes())
		b.checks[l] = equal(k.PublicKey().Bytes())
		if keygen {
			return nil
		}
		peer, err := k.Curve().GenerateKey(rand.Reader)
		if err != nil {
			return err
		}
		secret, err := k.ECDH(peer.PublicKey())
		b.operation = "x25519"
		operand(peer.PublicKey().Bytes())
		b.checks[l] = equal(secret)
		return err
	}
	signer := key.(crypto.Signer)
	hash := measure.SigningHash(signer)
	digest := measure.Message(uint64(l), hash)
	signature, err := signer.Sign(rand.Reader, digest, hash)
	if err != nil {
		return err
	}
	switch k := key.(type) {
	case *rsa.PrivateKey:
		b.size = k.Size()
		if verify {
			b.operation = "rsa-verify"
			operand(k.N.Bytes(), big.NewInt(int64(k.E)).Bytes(), signature)
			b.checks[l] = equal(encode(b.size, digest))
			return nil
		}
		p := k.Precomputed
		b.operation = "rsa-sign"
		operand(k.Primes[0].Bytes(), k.Primes[1].Bytes(), p.Dp.Bytes(), p.Dq.Bytes(), p.Qinv.Bytes(), encode(b.size, digest))
		b.checks[l] = equal(signature)
	case ed25519.PrivateKey:
		b.size = 32
		if verify {
			b.operation = "ed25519-verify"
			operand(k[32:], signature, digest)
			b.checks[l] = verdict
			return nil
		}
		b.operation = "ed25519-sign"
		operand(k.Seed(), k[32:], digest)
		b.checks[l] = equal(signature)
	case *ecdsa.PrivateKey:
		bits := k.Curve.Params().BitSize
		b.size = bits / 8
		if verify {
			b.operation = fmt.Sprintf("p%d-verify", bits)
			point, err := k.PublicKey.Bytes()
			if err != nil {
				return err
			}
			r, s, err := rawECDSA(b.size, signature)
			operand(point[1:1+b.size], point[1+b.size:], r, s, digest)
			b.checks[l] = verdict
			return err
		}
		b.operation = fmt.Sprintf("p%d-sign", bits)
		d, err1 := k.Bytes()
		other, err2 := ecdsa.GenerateKey(k.Curve, rand.Reader)
		if err := errors.Join(err1, err2); err != nil {
			return err
		}
		nonce, err := other.Bytes()
		operand(nonce, d, digest)
		b.checks[l] = func(result []byte) error {
			signature, err := asn1ECDSA(result)
			if err == nil && !ecdsa.VerifyASN1(&k.PublicKey, digest, signature) {
				err = errBatch
			}
			return err
		}
		return err
	}
	return nil
}
