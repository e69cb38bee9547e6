package allow

import (
	"bytes"
	"strings"
)

// The content that a TLS 1.3 endpoint signs begins so (RFC 8446, section 4.4.3): 64 blanks, the
// context and a zero byte. The hash of the transcript follows.
var (
	tls13Server = []byte(strings.Repeat(" ", 64) + "TLS 1.3, server CertificateVerify\x00")
	tls13Client = []byte(strings.Repeat(" ", 64) + "TLS 1.3, client CertificateVerify\x00")
)

// side is the endpoint of TLS that signs a message; 0 is none.
type side uint8

const (
	server side = 1 + iota
	client
)

var sideWords = [...]string{0: "", server: "tls13-server", client: "tls13-client"}

// TLS13 returns the word for a message that is the content of a CertificateVerify of TLS 1.3:
// "tls13-server" or "tls13-client". It returns "" for any other.
func TLS13(message []byte) string { return sideWords[sideOf(message)] }

func sideOf(message []byte) side {
	// The hash is SHA-256 or SHA-384, by the cipher suite (appendix B.4).
	if n := len(message) - len(tls13Server); n != 32 && n != 48 {
		return 0
	}
	switch prefix := message[:len(tls13Server)]; {
	case bytes.Equal(prefix, tls13Server):
		return server
	case bytes.Equal(prefix, tls13Client):
		return client
	}
	return 0
}
