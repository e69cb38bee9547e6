package wire

import (
	"errors"
	"reflect"
	"testing"
	"unicode/utf8"
)

func TestAnswerRoundTrip(t *testing.T) {
	for _, want := range []Answer{
		{ID: 1, Data: []byte("signature")},
		{ID: 2, Data: []byte{}},
		{ID: 3, Status: NoKey, Text: "no key"},
		{ID: 4, Status: 200, Text: "a status of a later version"},
		{Status: Busy, Text: "too many connections"},
	} {
		body := AppendAnswer(nil, &want)[4:]
		if AnswerSize(&want) != len(body) {
			t.Errorf("AnswerSize is %d, the body has %d", AnswerSize(&want), len(body))
		}
		got := Answer{Data: []byte("earlier"), Text: "earlier"}
		if err := ParseAnswer(body, &got); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%+v, %v, want %+v", got, err, want)
		}
	}
}

func TestMalformedAnswers(t *testing.T) {
	for name, body := range map[string][]byte{
		"empty":     nil,
		"short":     make([]byte, answerLength-1),
		"OK to 0":   make([]byte, answerLength),
		"long text": append([]byte{0, 0, 0, 0, 0, 0, 0, 1, byte(Failed)}, make([]byte, MaxText+1)...),
	} {
		if err := ParseAnswer(body, new(Answer)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRefusal(t *testing.T) {
	a := Answer{Status: Busy, Text: "too many connections"}
	_, err := ParseHello(AppendAnswer(nil, &a)[4:])
	var refused *RefusedError
	if !errors.As(err, &refused) || refused.Status != Busy || refused.Text != a.Text {
		t.Errorf("in place of a hello: %v", err)
	}
	if want := "the key server closed the connection: too many connections (busy)"; err.Error() != want {
		t.Errorf("%q, want %q", err, want)
	}
	if (&Answer{ID: 1, Status: Busy}).Refusal() != nil {
		t.Error("an answer to a request is a refusal")
	}
}

func FuzzParseAnswer(f *testing.F) {
	f.Add(AppendAnswer(nil, &Answer{ID: 1, Data: []byte("signature")})[4:])
	f.Add(AppendAnswer(nil, &Answer{ID: 1, Status: Bad, Text: "\x1b[0m"})[4:])
	f.Fuzz(func(t *testing.T, body []byte) {
		var a, again Answer
		if ParseAnswer(body, &a) != nil {
			return
		}
		if len(a.Text) > MaxText || !utf8.ValidString(a.Text) {
			t.Errorf("text %q", a.Text)
		}
		if err := ParseAnswer(AppendAnswer(nil, &a)[4:], &again); err != nil || !reflect.DeepEqual(a, again) {
			t.Errorf("%+v again: %+v, %v", a, again, err)
		}
	})
}
