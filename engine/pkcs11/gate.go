package pkcs11

import (
	"context"
	"errors"
	"fmt"

	"asynccrypto/engine/pkcs11/internal/ck"
)

// A gate lets one login after another pass, and none after the token has refused a PIN. So a wrong
// PIN costs one try, whatever the number of sessions: until the first login has ended, it is not
// known whether the PIN is right.
//
// The gate is held during calls of the module. Only logins wait for it.
type gate struct {
	turn    chan struct{} // of capacity 1; holds a value while a login is under way
	refused error         // set by the login that was refused; the turn guards it
	// unanswered says that the last login had no answer, and that before it no wrong PIN had been
	// tried since the last right one; the turn guards it.
	unanswered bool
}

func newGate() *gate { return &gate{turn: make(chan struct{}, 1)} }

// pass calls login, unless a PIN was refused before. If the token refuses the PIN, that login was
// the last.
func (g *gate) pass(ctx context.Context, login func() error) error {
	select {
	case g.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-g.turn }()
	if g.refused != nil {
		return g.refused
	}
	err := login()
	if classify(err) == refused {
		if !errors.Is(err, ErrPIN) {
			err = fmt.Errorf("%w: %w; it is not tried again, since a few wrong PINs lock a token", ErrPIN, err)
		}
		g.refused = err
	}
	return err
}

// withPIN calls login with the user's PIN, when it is this login's turn. The PIN is empty, but not
// nil, if it is to be typed at the token. It is wiped afterwards.
func (s *session) withPIN(login func(pin []byte) error) error {
	t := s.t
	return t.gate.pass(t.life, func() error {
		raw, err := s.conn.TokenInfo(s.place.slot) // asked each time: the tries that are left change
		if err != nil {
			return called(err)
		}
		info := t.describe(place{s.place.slot, s.place.about, raw})
		switch {
		case info.PINLocked:
			return fmt.Errorf("%w: it was not tried, because the token is locked; its security officer can unlock it", ErrPIN)
		case t.gate.unanswered && info.PINLow:
			return fmt.Errorf("%w: it was not tried again, because the answer to the last login was lost, and the token says that a wrong PIN was tried", ErrPIN)
		case info.PINFinalTry && !t.o.LastTry:
			return fmt.Errorf("%w: it was not tried, because one more wrong PIN locks the token; set Options.LastTry (the command's -key-last-try) to try it", ErrPIN)
		}
		pin, err := t.pin(info)
		if err != nil {
			return mistake{err}
		}
		defer clear(pin)
		err = login(pin)
		t.gate.unanswered = !info.PINLow && (errors.Is(err, ck.ErrEnded) || errors.Is(err, ck.ErrHung))
		return err
	})
}

// pin returns the user's PIN: from Options.PIN or from the URI.
func (t *Token) pin(info TokenInfo) (pin []byte, err error) {
	defer recovered(&err)
	if t.o.PIN != nil {
		if pin, err = t.o.PIN(t.life, info); err != nil {
			clear(pin)
			return nil, fmt.Errorf("Options.PIN: %w", err)
		}
		if len(pin) == 0 && !info.PINPad { // to try it would cost one of the tries
			return nil, errors.New("Options.PIN returned no PIN")
		}
	} else {
		var given bool
		if pin, given, err = t.uri.PIN(); err != nil {
			return nil, err
		}
		if !given && !info.PINPad {
			return nil, errors.New("the token wants a PIN: add pin-source=file:PATH to the URI's query, or set Options.PIN")
		}
	}
	if pin == nil {
		pin = []byte{}
	}
	return pin, nil
}
