package sockerr

import (
	"errors"
	"net"
	"testing"
)

// The system returns these errors where the constants say so.
func TestErrorsOfTheSystem(t *testing.T) {
	used, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer used.Close()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	free.Close()
	dial := func(addr string) error {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			c.Close()
		}
		return err
	}
	listen := func(addr string) error {
		l, err := net.Listen("tcp", addr)
		if err == nil {
			l.Close()
		}
		return err
	}
	for _, test := range []struct {
		name      string
		err, want error
	}{
		{"listen on an address in use", listen(used.Addr().String()), AddressInUse},
		{"listen on an address of another machine", listen("192.0.2.1:0"), AddressNotAvailable}, // of documentation
		{"dial where nothing listens", dial(free.Addr().String()), ConnectionRefused},
	} {
		if !errors.Is(test.err, test.want) {
			t.Errorf("%s: %v (%T), want %v", test.name, test.err, test.err, test.want)
		}
	}
}
