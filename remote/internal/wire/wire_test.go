package wire

import (
	"encoding/hex"
	"strings"
	"testing"
)

// The bytes are written by hand from the tables of the package comment.
func TestLayout(t *testing.T) {
	request := fullRequest()
	request.Message, request.Context, request.Name = true, "ctx", "web"
	request.Data = []byte{0xd1, 0xd2}
	frame, err := AppendRequest(nil, &request)
	if err != nil {
		t.Fatal(err)
	}
	key, err := AppendKey(nil, Key{Name: "web", SPKI: []byte{0x30, 0x00}, Rules: []string{"sign", "sign:pss"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		frame []byte
		want  string
	}{
		{"request", frame, "00000044" + "0102030405060708" + "01" + "03" + "02" + "01" + "0020" + "03" + "03" + "000005dc" +
			"0000000000000009" + "aa" + strings.Repeat("00", 30) + "bb" + "637478" + "776562" + "d1d2"},
		{"answer", AppendAnswer(nil, &Answer{ID: 5, Data: []byte{1, 2}}), "0000000b" + "0000000000000005" + "00" + "0102"},
		{"refusal", AppendAnswer(nil, &Answer{Status: Denied, Text: "no"}), "0000000b" + "0000000000000000" + "02" + "6e6f"},
		{"hello", AppendHello(nil, Hello{Min: 1, Max: 2, MaxFrame: 65536, InFlight: 7}), "00000010" + "414b5350" + "0001" + "0002" + "00010000" + "00000007"},
		{"key", key, "03" + "776562" + "0002" + "3000" + "02" + "04" + "7369676e" + "08" + "7369676e3a707373"},
	} {
		if got := hex.EncodeToString(c.frame); got != c.want {
			t.Errorf("%s:\n%s, want\n%s", c.name, got, c.want)
		}
	}
}

func TestNoAllocations(t *testing.T) {
	r := fullRequest()
	buffer := make([]byte, 0, 4096)
	var got Request
	if n := testing.AllocsPerRun(100, func() {
		frame, _ := AppendRequest(buffer, &r)
		_ = ParseRequest(frame[4:], &got)
		_ = got.Check()
	}); n != 0 {
		t.Errorf("a request allocates %v times", n)
	}
	a := Answer{ID: 1, Data: make([]byte, 256)}
	if n := testing.AllocsPerRun(100, func() { _ = ParseAnswer(AppendAnswer(buffer, &a)[4:], &a) }); n != 0 {
		t.Errorf("an answer allocates %v times", n)
	}
}
