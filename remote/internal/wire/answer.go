package wire

import (
	"encoding/binary"
	"fmt"
)

const answerLength = 9 // of the fixed part

// Answer is a message of the server. Data belongs to the status [OK], Text to all others.
type Answer struct {
	ID     uint64 // of the request; 0: the server closes the connection, see [Answer.Refusal]
	Status Status
	Data   []byte // the signature (ECDSA: ASN.1), or the keys of a list, see [ParseKeys]
	Text   string // for people; no secret, no path
}

// Refusal is the error of an answer with the number 0, and nil for any other.
func (a *Answer) Refusal() error {
	if a.ID != 0 {
		return nil
	}
	return &RefusedError{a.Status, a.Text}
}

// RefusedError says why a server closed a connection.
type RefusedError struct {
	Status Status
	Text   string // for people; printable
}

// Error has the server's text and the status.
func (e *RefusedError) Error() string {
	return fmt.Sprintf("the key server closed the connection: %s (%v)", e.Text, e.Status)
}

// AppendAnswer appends the frame of a to b. The caller sees to it that the frame is no longer than
// its receiver accepts, see [AnswerSize].
func AppendAnswer(b []byte, a *Answer) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(AnswerSize(a)))
	b = binary.BigEndian.AppendUint64(b, a.ID)
	b = append(b, byte(a.Status))
	if a.Status == OK {
		return append(b, a.Data...)
	}
	return append(b, CutText(a.Text)...)
}

// AnswerSize is the length of the body that [AppendAnswer] makes of a.
func AnswerSize(a *Answer) int {
	if a.Status == OK {
		return answerLength + len(a.Data)
	}
	return answerLength + len(CutText(a.Text))
}

// ParseAnswer parses the body of an answer's frame. Data refers to body. Text is as [CleanText]
// makes it.
func ParseAnswer(body []byte, a *Answer) error {
	if len(body) < answerLength {
		return malformed("an answer of %d bytes", len(body))
	}
	*a = Answer{ID: binary.BigEndian.Uint64(body), Status: Status(body[8])}
	rest := body[answerLength:]
	switch {
	case a.Status == OK && a.ID == 0:
		return malformed("an answer to no request")
	case a.Status == OK:
		a.Data = rest
	case len(rest) > MaxText:
		return malformed("an answer with a text of %d bytes", len(rest))
	default:
		a.Text = CleanText(string(rest))
	}
	return nil
}
