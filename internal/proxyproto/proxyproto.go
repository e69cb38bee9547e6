// Package proxyproto reads and writes the header of the PROXY protocol, versions 1 and 2. By it a
// proxy tells a server the addresses of the client's connection that it passes on. The header comes
// before the first byte of that connection. The protocol is HAProxy's:
// https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt
package proxyproto

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Header is the content of a header. Both addresses are the zero AddrPort if the header names none:
// for a connection of the proxy's own (LOCAL), of an unknown kind, or of a kind that is not TCP.
type Header struct{ Source, Destination netip.AddrPort }

// Known reports whether the header names the two addresses.
func (h Header) Known() bool { return h.Source.IsValid() && h.Destination.IsValid() }

// MaxLength is the longest header that Parse takes. Version 2 allows 64 KB, for data that nothing
// here reads; a header as proxies send it has some hundred bytes, or 2 KB with a certificate.
const MaxLength = 4096

// ErrIncomplete is the error of Parse if more bytes are needed.
var ErrIncomplete = errors.New("the PROXY protocol header is not complete")

const (
	signature1 = "PROXY "
	signature2 = "\r\n\r\n\x00\r\nQUIT\n"
	maxLine    = 107 // of version 1, with the end of the line
	fixed      = 16  // of version 2: the signature, version and command, family, length
)

// The second half of byte 13, and byte 14, of version 2.
const (
	local, proxy = 0, 1
	unspecified  = 0x00
	tcp4, tcp6   = 0x11, 0x21
	udp4, udp6   = 0x12, 0x22
	unixStream   = 0x31
	unixDatagram = 0x32
)

// Parse reads the header that b begins with, and returns its length. The error is ErrIncomplete if
// b may be the beginning of a header.
func Parse(b []byte) (h Header, n int, err error) {
	switch {
	case hasPrefix(b, signature2):
		return parse2(b)
	case hasPrefix(b, signature1):
		return parse1(b)
	}
	return h, 0, errors.New("no PROXY protocol header, which is required from this address")
}

// hasPrefix reports whether b begins with the prefix, as far as b goes.
func hasPrefix(b []byte, prefix string) bool {
	return string(b[:min(len(b), len(prefix))]) == prefix[:min(len(b), len(prefix))]
}

func parse1(b []byte) (h Header, n int, err error) {
	end := bytes.Index(b[:min(len(b), maxLine)], []byte("\r\n"))
	switch {
	case end < 0 && len(b) < maxLine:
		return h, 0, ErrIncomplete
	case end < 0:
		return h, 0, fmt.Errorf("PROXY protocol: the line has more than %d bytes", maxLine)
	}
	fields := strings.Split(string(b[:end]), " ")
	n = end + 2
	if fields[1] == "UNKNOWN" {
		return h, n, nil
	}
	if (fields[1] != "TCP4" && fields[1] != "TCP6") || len(fields) != 6 {
		return h, 0, errors.New("PROXY protocol: the line is not: PROXY TCP4|TCP6 SOURCE DESTINATION PORT PORT")
	}
	h.Source, err = address1(fields[1], fields[2], fields[4])
	if err == nil {
		h.Destination, err = address1(fields[1], fields[3], fields[5])
	}
	if err != nil {
		return Header{}, 0, err
	}
	return h, n, nil
}

func address1(family, address, port string) (netip.AddrPort, error) {
	ip, err := netip.ParseAddr(address)
	if err != nil || ip.Is4() != (family == "TCP4") || ip.Zone() != "" {
		return netip.AddrPort{}, fmt.Errorf("PROXY protocol: %.40q is no %s address", address, family)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || len(port) > 1 && port[0] == '0' {
		return netip.AddrPort{}, fmt.Errorf("PROXY protocol: %.40q is no port", port)
	}
	return netip.AddrPortFrom(ip, uint16(n)), nil
}

func parse2(b []byte) (h Header, n int, err error) {
	if len(b) < fixed {
		return h, 0, ErrIncomplete
	}
	command, family := b[12], b[13]
	n = fixed + int(binary.BigEndian.Uint16(b[14:]))
	switch {
	case command>>4 != 2:
		return h, 0, fmt.Errorf("PROXY protocol: version %d is unknown", command>>4)
	case command&15 > proxy:
		return h, 0, fmt.Errorf("PROXY protocol: command %d is unknown", command&15)
	case n > MaxLength:
		return h, 0, fmt.Errorf("PROXY protocol: a header of %d bytes is too long", n)
	case len(b) < n:
		return h, 0, ErrIncomplete
	case command&15 == local:
		return h, n, nil
	}
	b = b[fixed:n]
	switch family {
	case unspecified, udp4, udp6, unixStream, unixDatagram:
		return h, n, nil
	case tcp4:
		if len(b) >= 12 {
			return Header{address2(b[0:4], b[8:]), address2(b[4:8], b[10:])}, n, nil
		}
	case tcp6:
		if len(b) >= 36 {
			return Header{address2(b[0:16], b[32:]), address2(b[16:32], b[34:])}, n, nil
		}
	default:
		return h, 0, fmt.Errorf("PROXY protocol: address family %#x is unknown", family)
	}
	return h, 0, fmt.Errorf("PROXY protocol: %d bytes are too few for the addresses", len(b))
}

func address2(ip, port []byte) netip.AddrPort {
	a, _ := netip.AddrFromSlice(ip)
	return netip.AddrPortFrom(a, binary.BigEndian.Uint16(port))
}

// Append1 appends a header of version 1.
func Append1(b []byte, h Header) []byte {
	if !h.Known() {
		return append(b, "PROXY UNKNOWN\r\n"...)
	}
	family := "TCP4"
	if source, destination, is4 := h.unified(); !is4 {
		h.Source, h.Destination, family = source, destination, "TCP6"
	}
	return fmt.Appendf(b, "PROXY %s %s %s %d %d\r\n", family, h.Source.Addr(), h.Destination.Addr(), h.Source.Port(), h.Destination.Port())
}

// TLS is the part of a header of version 2 about the TLS that the proxy has ended.
type TLS struct {
	ALPN, ServerName string // empty for none
	Version          string // such as "TLSv1.3"
	// ClientCertificate says that the client has shown a certificate, which was verified.
	ClientCertificate bool
}

// Types of the parts that may follow the addresses, and bits of the part about TLS.
const (
	partALPN, partAuthority, partTLS, partTLSVersion = 0x01, 0x02, 0x20, 0x21
	clientTLS, clientCertConn, clientCertSession     = 1, 2, 4
)

// Append2 appends a header of version 2.
func Append2(b []byte, h Header, t TLS) []byte {
	start := len(b)
	b = append(b, signature2...)
	b = append(b, 2<<4|proxy)
	source, destination, is4 := h.unified()
	switch {
	case !h.Known():
		b = append(b, unspecified, 0, 0)
	case is4:
		b = append(b, tcp4, 0, 0)
	default:
		b = append(b, tcp6, 0, 0)
	}
	if h.Known() {
		b = append(append(b, source.Addr().AsSlice()...), destination.Addr().AsSlice()...)
		b = binary.BigEndian.AppendUint16(b, source.Port())
		b = binary.BigEndian.AppendUint16(b, destination.Port())
	}
	if t.ALPN != "" {
		b = appendPart(b, partALPN, t.ALPN)
	}
	if t.ServerName != "" {
		b = appendPart(b, partAuthority, t.ServerName)
	}
	about, unverified := byte(clientTLS), byte(1)
	if t.ClientCertificate {
		about, unverified = clientTLS|clientCertConn|clientCertSession, 0
	}
	b = appendPart(b, partTLS, string(appendPart([]byte{about, 0, 0, 0, unverified}, partTLSVersion, t.Version)))
	binary.BigEndian.PutUint16(b[start+14:], uint16(len(b)-start-fixed))
	return b
}

func appendPart(b []byte, kind byte, value string) []byte {
	b = binary.BigEndian.AppendUint16(append(b, kind), uint16(len(value)))
	return append(b, value...)
}

// unified returns both addresses in one family, which is IPv6 if one of them is.
func (h Header) unified() (source, destination netip.AddrPort, is4 bool) {
	s, d := h.Source.Addr().Unmap(), h.Destination.Addr().Unmap()
	if is4 = s.Is4() && d.Is4(); !is4 && h.Known() {
		s, d = netip.AddrFrom16(s.As16()), netip.AddrFrom16(d.As16())
	}
	return netip.AddrPortFrom(s, h.Source.Port()), netip.AddrPortFrom(d, h.Destination.Port()), is4
}
