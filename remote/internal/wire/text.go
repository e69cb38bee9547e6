package wire

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// CutText is text, cut to [MaxText] bytes before a character.
func CutText(text string) string {
	if len(text) <= MaxText {
		return text
	}
	n := MaxText
	for n > MaxText-utf8.UTFMax && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n]
}

// CleanText is a text of the peer, fit for a log or a terminal: with a question mark for each
// character that [unicode.IsPrint] denies and for bytes that are not UTF-8, and cut as [CutText]
// does.
func CleanText(text string) string {
	text = strings.Map(func(c rune) rune {
		if c == utf8.RuneError || !unicode.IsPrint(c) {
			return '?'
		}
		return c
	}, text)
	return CutText(text)
}
