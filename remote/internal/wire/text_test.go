package wire

import (
	"strings"
	"testing"
)

func TestTextIsCutAndCleaned(t *testing.T) {
	long := strings.Repeat("x", MaxText-1) + "é"
	if got := CutText(long); got != long[:MaxText-1] {
		t.Errorf("cut to %d bytes, ending in %q", len(got), got[len(got)-2:])
	}
	a := Answer{ID: 1, Status: Failed, Text: "\x1b[2Jred\nline \xff é \u202e\u009b"}
	if err := ParseAnswer(AppendAnswer(nil, &a)[4:], &a); err != nil || a.Text != "?[2Jred?line ? é ??" {
		t.Errorf("%q, %v", a.Text, err)
	}
}
