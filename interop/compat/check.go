package main

import (
	"crypto"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// check is one use of a private key in a library.
type check struct {
	module string // the path of the library's module, or a package of the standard library
	use    string // the function or field that takes the key
	// run makes the library sign with the key and verifies the result with the public key. The
	// error is made by invalid if the library has made a signature that is not valid.
	run func(key crypto.Signer) error
}

// invalidError says that somebody else refuses a signature of the library's.
type invalidError struct{ err error }

func (e invalidError) Error() string { return e.err.Error() }

// invalid marks an error of the verification. It returns nil for nil.
func invalid(err error) error {
	if err == nil {
		return nil
	}
	return invalidError{err}
}

// isInvalid reports whether err is of invalid's making.
func isInvalid(err error) bool { _, ok := errors.AsType[invalidError](err); return ok }

// row is the outcome of a check.
type row struct {
	check
	cells   [3]string // in the order of kinds
	checked string    // whether the library verifies its signatures
	asked   []string  // the options that the key is given
	says    string    // its error, if it refuses a wrapped key
}

// try runs a check with each kind of key.
func try(c check) (row, error) {
	r := row{check: c}
	l := new(log)
	var caught, missed bool
	for i, kind := range kinds {
		once := func(wrong bool) (err error) {
			key, closeKey, err := wrap(kind, l, wrong)
			if err != nil {
				return err
			}
			defer closeKey()
			return run(c, key)
		}
		keys, err := plainKeys()
		if err != nil {
			return r, err
		}
		before := l.signs
		wrapped, plain := once(false), run(c, keys[kind])
		switch {
		case wrapped == nil && plain == nil && l.signs == before: // it decrypts
			r.cells[i] = "yes"
		case wrapped == nil && plain == nil:
			r.cells[i] = "yes"
			switch err := once(true); {
			case err == nil:
				return r, fmt.Errorf("%s, %s, %s: nobody has noticed an invalid signature", c.module, c.use, kind)
			case isInvalid(err):
				missed = true
			default:
				caught = true
			}
		case wrapped == nil:
			r.cells[i] = "wrapped only"
		case isInvalid(wrapped) && isInvalid(plain):
			r.cells[i] = "invalid"
			r.say(wrapped)
		case plain == nil && !isInvalid(wrapped):
			r.cells[i] = "**no**"
			r.say(wrapped)
		case plain == nil:
			r.cells[i] = "**invalid**"
			r.say(wrapped)
		default:
			r.cells[i] = "-"
		}
	}
	switch {
	case caught && missed:
		r.checked = "some"
	case caught:
		r.checked = "yes"
	case missed:
		r.checked = "no"
	}
	r.asked = l.asked
	return r, nil
}

// run runs a check. A library that panics has an error of its own.
func run(c check, key crypto.Signer) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return c.run(key)
}

// say keeps the first error.
func (r *row) say(err error) {
	if r.says == "" {
		r.says = tidy(err)
	}
}

var typeOfKey = regexp.MustCompile(`\*?main\.(decryptingSpy|spy)`)

// tidy makes an error fit for a table.
func tidy(err error) string {
	s := typeOfKey.ReplaceAllString(err.Error(), "T")
	return strings.NewReplacer("\n", " ", "|", "/", "`", "'").Replace(s)
}
