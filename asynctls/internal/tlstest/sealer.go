package tlstest

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"testing"
)

// Sealer makes TLS 1.3 records in place of one side of an open connection, among them those that
// crypto/tls never sends.
type Sealer struct {
	secret []byte
	aead   cipher.AEAD
	iv     []byte
	seq    uint64
}

// Labels of the key log for [NewSealer].
const (
	ClientTraffic = "CLIENT_TRAFFIC_SECRET_0"
	ServerTraffic = "SERVER_TRAFFIC_SECRET_0"
)

// Content types and alerts for [Sealer.Seal].
const (
	TypeAlert     = 21
	TypeHandshake = 22
	TypeData      = 23
)

// NewSealer returns a Sealer for the side that label names. keyLog is what the connection has
// written to KeyLogWriter, suite its cipher suite, and sent the number of records that the side
// has sent since its handshake. Where crypto/tls has chosen another suite, as it does on CPUs
// without AES instructions, the test is skipped.
func NewSealer(t testing.TB, keyLog, label string, suite uint16, sent int) *Sealer {
	t.Helper()
	if suite != tls.TLS_AES_128_GCM_SHA256 {
		t.Skip("the suite is ", tls.CipherSuiteName(suite))
	}
	_, rest, _ := strings.Cut(keyLog, label+" ")
	line, _, _ := strings.Cut(rest, "\n")
	_, secret, _ := strings.Cut(line, " ")
	s := new(Sealer)
	var err error
	if s.secret, err = hex.DecodeString(secret); err != nil || len(s.secret) != sha256.Size {
		t.Fatalf("no %s in the key log %q", label, keyLog)
	}
	s.setKey()
	s.seq = uint64(sent)
	return s
}

func (s *Sealer) setKey() {
	block, _ := aes.NewCipher(s.expand("key", 16))
	s.aead, _ = cipher.NewGCM(block)
	s.iv = s.expand("iv", s.aead.NonceSize())
	s.seq = 0
}

// expand is HKDF-Expand-Label (RFC 8446, section 7.1) with an empty context.
func (s *Sealer) expand(label string, n int) []byte {
	label = "tls13 " + label
	info := append([]byte{0, byte(n), byte(len(label))}, label...)
	out, _ := hkdf.Expand(sha256.New, s.secret, string(append(info, 0)), n)
	return out
}

// Seal returns a record of that content type.
func (s *Sealer) Seal(contentType byte, data ...byte) []byte {
	nonce := bytes.Clone(s.iv)
	last := nonce[len(nonce)-8:]
	binary.BigEndian.PutUint64(last, binary.BigEndian.Uint64(last)^s.seq)
	s.seq++
	n := len(data) + 1 + s.aead.Overhead()
	header := []byte{TypeData, 3, 3, byte(n >> 8), byte(n)}
	return s.aead.Seal(bytes.Clone(header), nonce, append(bytes.Clone(data), contentType), header)
}

// KeyUpdate returns a KeyUpdate, and goes on with the next key. ask asks the peer for one too.
func (s *Sealer) KeyUpdate(ask bool) []byte {
	const keyUpdate = 24
	message := []byte{keyUpdate, 0, 0, 1, 0}
	if ask {
		message[4] = 1
	}
	record := s.Seal(TypeHandshake, message...)
	s.secret = s.expand("traffic upd", sha256.Size)
	s.setKey()
	return record
}
