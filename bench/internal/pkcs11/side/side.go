// Package side is the process of one side of the benchmark pkcs11. It signs with a P-256 key that
// is on a token, in the ways that its parent asks for, and verifies every signature when the clock
// has stopped. The programs that use this package bring the ways to the token.
package side

import (
	"crypto"
	"crypto/ecdsa"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"asynccrypto/bench/internal/harness"
)

// Role is the role of the process.
const Role = "pkcs11-side"

// Token says where the key is, and how it is to be opened.
type Token struct {
	Module   string `json:"module"` // path of the shared library
	Label    string `json:"label"`  // of the token
	PIN      string `json:"pin"`
	Object   string `json:"object"`   // label of the key
	URI      string `json:"uri"`      // all of these as a URI of RFC 7512
	Sessions int    `json:"sessions"` // at most
	// Fallback is the same key in PKCS #8, to be asked when the token fails, and Timeout the time
	// for an attempt at the token.
	Fallback []byte        `json:"fallback,omitempty"`
	Timeout  time.Duration `json:"timeout,omitempty"`
}

// Key is a key that was opened in one way.
type Key struct {
	// Signer has the method WithContext if it can sign in jobs.
	Signer crypto.Signer
	// Works reports whether the token is in use again after a fault; nil means that it is when an
	// operation succeeds.
	Works func() bool
	Close func() error
}

// Ways are the ways to open a key, by name.
type Ways map[string]func(Token) (*Key, error)

// Order is an order of the parent. Do is one of: open; begin, which begins a load; measure, which
// measures the load and ends it; turn, which signs one after another; watch, which begins to sign
// while the parent breaks the token; fault and cured, which tell that the parent has broken the
// token and mended it; stop, which ends the watch.
type Order struct {
	Do    string `json:"do"`
	Way   string `json:"way,omitempty"`
	Token Token  `json:"token,omitzero"` // for open
	Load  Load   `json:"load,omitzero"`  // for begin
	// Time is how long measure and turn measure, for how long the token has to work before a watch
	// begins, and how long stop waits for the token.
	Time time.Duration `json:"time,omitempty"`
}

// Answer is the answer to an order.
type Answer struct {
	Account Account `json:"account,omitzero"` // to measure and turn
	Watched Watched `json:"watched,omitzero"` // to stop
}

type side struct {
	ways   Ways
	key    *Key
	public *ecdsa.PublicKey
	load   *load
	watch  *watch
}

// Main is the main of a program with these ways. It carries out the orders of the benchmark.
func Main(ways Ways) {
	program := harness.Program{Subjects: []harness.Subject{{
		Roles: map[string]func(io.Reader, io.Writer) error{
			Role: func(in io.Reader, out io.Writer) error { return serve(ways, in, out) },
		},
	}}}
	isChild, err := program.BeChild()
	if err == nil && !isChild {
		err = errors.New("the benchmark starts this program: go run ./bench pkcs11")
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", filepath.Base(os.Args[0]), err)
		os.Exit(1)
	}
}

// serve carries out orders until there are no more, and closes the key.
func serve(ways Ways, in io.Reader, out io.Writer) error {
	s := &side{ways: ways}
	err := harness.Orders(in, out, s.do)
	if s.key != nil {
		err = errors.Join(err, s.key.Close())
	}
	return err
}

func (s *side) do(o Order) (a Answer, err error) {
	switch {
	case o.Do == "open":
		return a, s.open(o.Way, o.Token)
	case s.key == nil:
		return a, fmt.Errorf("%s: no key is open", o.Do)
	}
	switch o.Do {
	case "begin":
		s.load, err = begin(s.key.Signer, o.Load)
	case "measure":
		if s.load == nil {
			return a, errors.New("measure: no load has begun")
		}
		a.Account, err = s.load.measure(s.public, o.Time)
		s.load = nil
	case "turn":
		a.Account, err = turn(s.key.Signer, s.public, o.Time)
	case "watch":
		s.watch, err = newWatch(s.key, o.Time)
	case "fault", "cured", "stop":
		if s.watch == nil {
			return a, fmt.Errorf("%s: nothing is watched", o.Do)
		}
		switch o.Do {
		case "fault":
			s.watch.fault()
		case "cured":
			s.watch.cure()
		default:
			a.Watched, err = s.watch.stop(s.public, o.Time)
			s.watch = nil
		}
	default:
		err = fmt.Errorf("a side knows no order %q", o.Do)
	}
	return a, err
}

func (s *side) open(way string, t Token) error {
	open := s.ways[way]
	if open == nil {
		return fmt.Errorf("there is no way %q to a token here", way)
	}
	key, err := open(t)
	if err != nil {
		return fmt.Errorf("%s: %w", way, err)
	}
	public, ok := key.Signer.Public().(*ecdsa.PublicKey)
	if !ok {
		return errors.Join(fmt.Errorf("%s: the key is %T, not one of ECDSA", way, key.Signer.Public()), key.Close())
	}
	s.key, s.public = key, public
	return nil
}
