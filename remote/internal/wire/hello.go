package wire

import (
	"encoding/binary"
	"fmt"
)

const (
	magic       = "AKSP"
	helloLength = 16
)

// Hello is the first message in each direction.
type Hello struct {
	Min, Max uint16 // the oldest and the newest version; of the server: the chosen one, twice
	MaxFrame uint32 // the longest body, or message of gRPC, that the sender accepts, in bytes
	InFlight uint32 // of the server: the most requests of the connection at once; at least 1
}

// ClientHello is the hello of a client that speaks the versions of this package.
func ClientHello() Hello { return Hello{Min: Version, Max: Version, MaxFrame: MaxFrame} }

// ServerHello is the answer to the hello of a client: the newest version that both know, or an error
// if there is none, or the client accepts no frames of [MinFrame].
func ServerHello(client Hello, inFlight uint32) (Hello, error) {
	return choose(client, Version, Version, inFlight)
}

// choose is ServerHello of a server that knows the versions from oldest to newest.
func choose(client Hello, oldest, newest uint16, inFlight uint32) (Hello, error) {
	if client.Min > client.Max || client.MaxFrame < MinFrame {
		return Hello{}, malformed("a hello with the versions %d to %d and frames of %d bytes",
			client.Min, client.Max, client.MaxFrame)
	}
	version := min(newest, client.Max)
	if version < max(oldest, client.Min) {
		return Hello{}, fmt.Errorf("the client speaks the versions %d to %d of the protocol, "+
			"the key server %d to %d", client.Min, client.Max, oldest, newest)
	}
	return Hello{Min: version, Max: version, MaxFrame: MaxFrame, InFlight: inFlight}, nil
}

// CheckServer checks the hello that the server answered to a [ClientHello].
func (h Hello) CheckServer() error {
	switch {
	case h.Min != Version || h.Max != Version:
		return fmt.Errorf("the key server chose the versions %d to %d of the protocol, "+
			"the client speaks %d", h.Min, h.Max, Version)
	case h.MaxFrame < MaxRequest || h.InFlight == 0:
		return malformed("a hello with frames of %d bytes and %d requests in flight",
			h.MaxFrame, h.InFlight)
	}
	return nil
}

// AppendHello appends the frame of h to b.
func AppendHello(b []byte, h Hello) []byte {
	b = binary.BigEndian.AppendUint32(b, helloLength)
	b = append(b, magic...)
	b = binary.BigEndian.AppendUint16(b, h.Min)
	b = binary.BigEndian.AppendUint16(b, h.Max)
	b = binary.BigEndian.AppendUint32(b, h.MaxFrame)
	return binary.BigEndian.AppendUint32(b, h.InFlight)
}

// ParseHello parses the body of the first frame. The error is a [RefusedError] if the server sent a
// refusal in place of a hello. The fields are not checked, see [ServerHello] and
// [Hello.CheckServer].
func ParseHello(body []byte) (Hello, error) {
	if len(body) < helloLength || string(body[:4]) != magic {
		var a Answer
		if ParseAnswer(body, &a) == nil && a.ID == 0 {
			return Hello{}, a.Refusal()
		}
		return Hello{}, malformed("the first message is no hello")
	}
	return Hello{
		Min:      binary.BigEndian.Uint16(body[4:]),
		Max:      binary.BigEndian.Uint16(body[6:]),
		MaxFrame: binary.BigEndian.Uint32(body[8:]),
		InFlight: binary.BigEndian.Uint32(body[12:]),
	}, nil
}
