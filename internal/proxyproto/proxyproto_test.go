package proxyproto

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
)

var (
	v4 = Header{netip.MustParseAddrPort("192.0.2.1:1234"), netip.MustParseAddrPort("198.51.100.2:443")}
	v6 = Header{netip.MustParseAddrPort("[2001:db8::1]:65535"), netip.MustParseAddrPort("[2001:db8::2]:1")}
	// mixed is a client of IPv4 whose connection has an address of IPv6 on this side.
	mixed = Header{v4.Source, v6.Destination}
)

// two returns a header of version 2 with that byte 13, 14 and the bytes after the length.
func two(command, family byte, rest string) string {
	return signature2 + string([]byte{command, family, byte(len(rest) >> 8), byte(len(rest))}) + rest
}

func TestParse(t *testing.T) {
	const addresses4 = "\xc0\x00\x02\x01\xc6\x33\x64\x02\x04\xd2\x01\xbb"
	for text, want := range map[string]Header{
		"PROXY TCP4 192.0.2.1 198.51.100.2 1234 443\r\n":     v4,
		"PROXY TCP6 2001:db8::1 2001:db8:0:0::2 65535 1\r\n": v6,
		"PROXY TCP4 192.0.2.1 198.51.100.2 0 0\r\n":          {netip.MustParseAddrPort("192.0.2.1:0"), netip.MustParseAddrPort("198.51.100.2:0")},
		"PROXY UNKNOWN\r\n":                                     {},
		"PROXY UNKNOWN ffff::1 what ever 1 2\r\n":               {},
		two(0x21, 0x11, addresses4):                             v4,
		two(0x21, 0x11, addresses4+"\x04\x00\x01x"):             v4, // with a part that is to be ignored
		two(0x20, 0x11, addresses4):                             {}, // LOCAL
		two(0x20, 0x00, ""):                                     {},
		two(0x21, 0x00, "anything"):                             {},
		two(0x21, 0x31, strings.Repeat("/", 216)):               {},
		two(0x21, 0x12, addresses4):                             {},
		string(Append2(nil, v6, TLS{ALPN: "h2", Version: "x"})): v6,
	} {
		for _, after := range []string{"", "\x16\x03\x01"} {
			if got, n, err := Parse([]byte(text + after)); got != want || n != len(text) || err != nil {
				t.Errorf("%q: %v, %d, %v", text, got, n, err)
			}
		}
		for i := range text {
			if _, _, err := Parse([]byte(text[:i])); err != ErrIncomplete {
				t.Errorf("%q: %v", text[:i], err)
			}
		}
	}
	for text, want := range map[string]string{
		"\x16\x03\x01":         "no PROXY protocol header",
		"PROXX":                "no PROXY protocol header",
		"\r\n\r\n\x00\r\nQUIX": "no PROXY protocol header",
		"PROXY TCP4 192.0.2.1 198.51.100.2 1\r\n":   "the line is not",
		"PROXY TCP5 192.0.2.1 198.51.100.2 1 2\r\n": "the line is not",
		"PROXY \r\n": "the line is not",
		"PROXY TCP4 2001:db8::1 198.51.100.2 1 2\r\n":   `"2001:db8::1" is no TCP4 address`,
		"PROXY TCP6 192.0.2.1 ::1 1 2\r\n":              `"192.0.2.1" is no TCP6 address`,
		"PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n":           `is no TCP6 address`,
		"PROXY TCP4 192.0.2.1 198.51.100.2 65536 2\r\n": `"65536" is no port`,
		"PROXY TCP4 192.0.2.1 198.51.100.2 +1 2\r\n":    `"+1" is no port`,
		"PROXY TCP4 192.0.2.1 198.51.100.2 01 2\r\n":    `"01" is no port`,
		"PROXY TCP4 192.0.2.1  198.51.100.2 1 2\r\n":    "the line is not",
		"PROXY UNKNOWN " + strings.Repeat("x", 200):     "the line has more than 107 bytes",
		two(0x11, 0x11, addresses4):                     "version 1 is unknown",
		two(0x22, 0x11, addresses4):                     "command 2 is unknown",
		two(0x21, 0x41, addresses4):                     "address family 0x41 is unknown",
		two(0x21, 0x11, addresses4[:11]):                "11 bytes are too few",
		two(0x21, 0x21, addresses4):                     "12 bytes are too few",
		two(0x21, 0x11, strings.Repeat("x", 5000)):      "a header of 5016 bytes is too long",
	} {
		if _, n, err := Parse([]byte(text)); n != 0 || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestAppend(t *testing.T) {
	mapped := Header{netip.MustParseAddrPort("[::ffff:192.0.2.1]:1234"), v6.Destination}
	for _, test := range []struct{ in, want Header }{{v4, v4}, {v6, v6}, {mixed, mapped}, {Header{}, Header{}}, {Header{Source: v4.Source}, Header{}}} {
		for version, b := range [][]byte{Append1([]byte("x"), test.in), Append2([]byte("x"), test.in, TLS{ServerName: "a.test", Version: "TLSv1.3", ClientCertificate: true})} {
			if got, n, err := Parse(b[1:]); got != test.want || n != len(b)-1 || err != nil {
				t.Errorf("version %d, %v: %q: %v, %d, %v", version+1, test.in, b, got, n, err)
			}
		}
	}
	if got, want := string(Append1(nil, v4)), "PROXY TCP4 192.0.2.1 198.51.100.2 1234 443\r\n"; got != want {
		t.Errorf("%q", got)
	}
	got := string(Append2(nil, Header{}, TLS{ALPN: "h2", ServerName: "a", Version: "TLSv1.3"}))
	if want := two(0x21, 0, "\x01\x00\x02h2\x02\x00\x01a\x20\x00\x0f\x01\x00\x00\x00\x01\x21\x00\x07TLSv1.3"); got != want {
		t.Errorf("%q, not %q", got, want)
	}
}

// FuzzParse: a header that Parse takes has the length that Parse returns, and Append writes its
// addresses so that Parse finds them again.
func FuzzParse(f *testing.F) {
	f.Add([]byte("PROXY TCP4 192.0.2.1 198.51.100.2 1234 443\r\nhello"))
	f.Add([]byte("PROXY TCP6 ::1 ::ffff:1.2.3.4 1 2\r\n"))
	f.Add(Append2(nil, v4, TLS{Version: "TLSv1.3"}))
	f.Add(Append2(nil, v6, TLS{}))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, n, err := Parse(b)
		if err != nil {
			if n != 0 || h != (Header{}) {
				t.Error(h, n, err)
			}
			return
		}
		if n <= 0 || n > min(len(b), MaxLength) {
			t.Fatal(n)
		}
		if got, m, err := Parse(b[:n]); got != h || m != n || err != nil {
			t.Error(got, m, err)
		}
		if _, _, err := Parse(b[:n-1]); !errors.Is(err, ErrIncomplete) {
			t.Error(err)
		}
		if !h.Known() {
			return
		}
		for _, b := range [][]byte{Append1(nil, h), Append2(nil, h, TLS{})} {
			got, _, err := Parse(b)
			if err != nil || got.Source.Addr().Unmap() != h.Source.Addr().Unmap() || got.Source.Port() != h.Source.Port() ||
				got.Destination.Addr().Unmap() != h.Destination.Addr().Unmap() || got.Destination.Port() != h.Destination.Port() {
				t.Errorf("%v became %v, %v", h, got, err)
			}
		}
	})
}
