package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

// usageError is a mistake in the arguments, or in a file that they name: exit status 2.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

// Usagef returns an error about the arguments, or about a file that they name. It ends the
// command with [ExitUsage] and a pointer to the help.
func Usagef(format string, args ...any) error { return &usageError{fmt.Errorf(format, args...)} }

// printedError is an error that is not printed as text.
type printedError struct {
	err   error
	print func(message string)
}

func (e *printedError) Error() string { return e.err.Error() }
func (e *printedError) Unwrap() error { return e.err }

// PrintedBy returns err as an error that print prints in place of the line of text. Its message has
// neither the command's name before it nor a line's end, and may hold any characters. The exit
// status stays that of err.
func PrintedBy(err error, print func(message string)) error { return &printedError{err, print} }

// OneLine escapes, as Go does, the characters that do not show as themselves. Names of files and
// texts from a peer may hold them. A message stays one line, and nothing in it can pass for two
// lines, move the cursor or reverse the direction of the text. The PIN of a URI, which may stand where
// another value belongs, is left out.
func OneLine(s string) string {
	var b strings.Builder
	for _, r := range withoutPINs(s) {
		if unicode.IsPrint(r) {
			b.WriteRune(r)
		} else {
			b.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
		}
	}
	return b.String()
}

// pinValue is the attribute of a URI that has a PIN (RFC 7512, section 2.4).
var pinValue = regexp.MustCompile(`(?i)pin-value=[^&\s"]*`)

func withoutPINs(s string) string { return pinValue.ReplaceAllString(s, "pin-value=...") }

// Cause returns an error of a file without the operation and the path, for a message that names
// the file already.
func Cause(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	if l, ok := errors.AsType[*os.LinkError](err); ok {
		return l.Err
	}
	return err
}
