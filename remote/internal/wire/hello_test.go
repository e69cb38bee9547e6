package wire

import (
	"bytes"
	"errors"
	"math"
	"testing"
)

func TestOldAndNewMeet(t *testing.T) {
	for _, c := range []struct {
		name                       string
		client                     Hello
		serverOldest, serverNewest uint16
		chosen                     uint16
	}{
		{"same", ClientHello(), 1, 1, 1},
		{"newer client", Hello{Min: 1, Max: 7, MaxFrame: MinFrame}, 1, 1, 1},
		{"newer server", ClientHello(), 1, 7, 1},
		{"both newer", Hello{Min: 2, Max: 5, MaxFrame: math.MaxUint32}, 1, 3, 3},
		{"client too new", Hello{Min: 2, Max: 7, MaxFrame: MinFrame}, 1, 1, 0},
		{"server too new", ClientHello(), 2, 7, 0},
		{"no range", Hello{Min: 2, Max: 1, MaxFrame: MinFrame}, 1, 7, 0},
		{"tiny frames", Hello{Min: 1, Max: 1, MaxFrame: MinFrame - 1}, 1, 1, 0},
	} {
		// Each side's hello has bytes of a later version at its end.
		h, err := ParseHello(append(AppendHello(nil, c.client)[4:], "later"...))
		if err != nil || h != c.client {
			t.Fatalf("%s: %+v, %v", c.name, h, err)
		}
		answer, err := choose(h, c.serverOldest, c.serverNewest, 256)
		if c.chosen == 0 {
			if err == nil {
				t.Errorf("%s: met at version %d", c.name, answer.Max)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		answer, err = ParseHello(append(AppendHello(nil, answer)[4:], "later"...))
		want := Hello{Min: c.chosen, Max: c.chosen, MaxFrame: MaxFrame, InFlight: 256}
		if err != nil || answer != want {
			t.Errorf("%s: the server answered %+v, %v, want %+v", c.name, answer, err, want)
		}
		if err := answer.CheckServer(); (err == nil) != (c.chosen == Version) {
			t.Errorf("%s: CheckServer: %v", c.name, err)
		}
	}
	served, err := ServerHello(ClientHello(), 1)
	if err != nil || served.CheckServer() != nil {
		t.Errorf("the two sides of this package: %+v, %v", served, err)
	}
	for name, h := range map[string]Hello{
		"no requests": {Min: 1, Max: 1, MaxFrame: MaxRequest},
		"tiny frames": {Min: 1, Max: 1, MaxFrame: MaxRequest - 1, InFlight: 1},
		"not chosen":  {Min: 1, Max: 2, MaxFrame: MaxRequest, InFlight: 1},
	} {
		if h.CheckServer() == nil {
			t.Errorf("CheckServer of a server's hello with %s passed", name)
		}
	}
}

func TestNoHello(t *testing.T) {
	r := fullRequest()
	frame, err := AppendRequest(nil, &r)
	if err != nil {
		t.Fatal(err)
	}
	for name, body := range map[string][]byte{
		"empty":     nil,
		"short":     AppendHello(nil, ClientHello())[4 : 4+helloLength-1],
		"request":   frame[4:],
		"a browser": []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
	} {
		if _, err := ParseHello(body); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzParseHello(f *testing.F) {
	f.Add(AppendHello(nil, ClientHello())[4:])
	f.Add(append(AppendHello(nil, Hello{Min: 1, Max: 9, MaxFrame: MinFrame, InFlight: 1})[4:], "later"...))
	f.Add(AppendAnswer(nil, &Answer{Status: Denied, Text: "no"})[4:])
	f.Fuzz(func(t *testing.T, body []byte) {
		h, err := ParseHello(body)
		if err != nil {
			return
		}
		if !bytes.HasPrefix(body, AppendHello(nil, h)[4:]) {
			t.Errorf("%+v of %x", h, body)
		}
		if answer, err := ServerHello(h, 1); err == nil && answer.CheckServer() != nil {
			t.Errorf("%+v was answered %+v", h, answer)
		}
	})
}
