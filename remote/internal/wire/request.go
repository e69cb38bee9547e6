package wire

import (
	"crypto"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"
	"unicode/utf8"
)

const (
	requestLength = 60 // of the fixed part
	flagMessage   = 1  // of the flags
)

// KeyID is the SHA-256 of a key's DER SubjectPublicKeyInfo. The zero value names no key.
type KeyID [32]byte

// Request is a message of the client.
type Request struct {
	ID      uint64        // chosen by the client, not 0, unique among the requests in flight
	Op      Op            //
	Key     KeyID         // the key, or the zero value if Name names it
	Name    string        // OpSign: the key, if Key is zero; OpList: the only key to list; valid UTF-8
	Hash    Hash          //
	Padding Padding       //
	Salt    uint16        // PSS: the length of the salt in bytes; always explicit
	Message bool          // Data is the whole message, which the server hashes
	Context string        // of Ed25519ctx, Ed25519ph and ML-DSA; any bytes
	Timeout time.Duration // the time left until the deadline; 0: none. A duration, since clocks differ
	Hedge   uint64        // not 0: requests of the same number ask several servers for one signature
	Data    []byte        // the digest, the message, or the name after which a list begins
}

// Check reports the first thing in r that no server can do, whatever its keys are. Its text is fit
// for an [Answer] of the status [Bad]. The sender of a request that passes gets no error for its
// lengths; the parsers do not call Check, so that a server can answer a request that does not.
func (r *Request) Check() error {
	if err := r.checkLengths(); err != nil {
		return err
	}
	switch r.Op {
	case OpPing:
		return nil
	case OpList:
		if len(r.Data) > MaxName {
			return fmt.Errorf("the name to begin the list after has %d bytes, more than %d",
				len(r.Data), MaxName)
		}
		if !utf8.Valid(r.Data) {
			return errors.New("the name to begin the list after is not UTF-8")
		}
		return nil
	case OpSign:
		return r.checkSign()
	}
	return fmt.Errorf("unknown operation %d", r.Op)
}

func (r *Request) checkLengths() error {
	switch {
	case r.ID == 0:
		return errors.New("a request has the number 0")
	case len(r.Data) > MaxData:
		return fmt.Errorf("the data has %d bytes, more than %d", len(r.Data), MaxData)
	case len(r.Context) > MaxContext:
		return fmt.Errorf("the context has %d bytes, more than %d", len(r.Context), MaxContext)
	case len(r.Name) > MaxName:
		return fmt.Errorf("the key's name has %d bytes, more than %d", len(r.Name), MaxName)
	case !utf8.ValidString(r.Name):
		return errors.New("the key's name is not UTF-8")
	}
	return nil
}

func (r *Request) checkSign() error {
	hash, known := r.Hash.Crypto()
	switch {
	case (r.Key == KeyID{}) == (r.Name == ""):
		return errors.New("a signature needs a key or a key's name, and not both")
	case !known:
		return fmt.Errorf("unknown hash %d", r.Hash)
	case r.Padding > PSS:
		return fmt.Errorf("unknown padding %d", r.Padding)
	case r.Salt != 0 && r.Padding != PSS:
		return errors.New("a salt without PSS")
	case r.Context != "" && r.Padding != NoPadding:
		return errors.New("a context with an RSA padding")
	case hash == 0 && r.Padding == PSS:
		return errors.New("PSS without a hash")
	case hash == 0 && r.Padding == PKCS1 && r.Message:
		return errors.New("a message to hash without a hash")
	case hash == crypto.MD5SHA1 && r.Message:
		return errors.New("a message cannot be hashed with md5sha1, only its digest can be signed")
	case hash != 0 && !r.Message && len(r.Data) != hash.Size():
		return fmt.Errorf("a digest of %d bytes, which %v does not have", len(r.Data), r.Hash)
	}
	return nil
}

// AppendRequest appends the frame of r to b. It returns b and an error if a field of r is longer
// than its bound, or r.ID is 0. A timeout is rounded up to milliseconds; a negative one has passed
// already and is sent as 1 ms.
func AppendRequest(b []byte, r *Request) ([]byte, error) {
	if err := r.checkLengths(); err != nil {
		return b, err
	}
	var flags byte
	if r.Message {
		flags = flagMessage
	}
	n := requestLength + len(r.Context) + len(r.Name) + len(r.Data)
	b = binary.BigEndian.AppendUint32(b, uint32(n))
	b = binary.BigEndian.AppendUint64(b, r.ID)
	b = append(b, byte(r.Op), byte(r.Hash), byte(r.Padding), flags)
	b = binary.BigEndian.AppendUint16(b, r.Salt)
	b = append(b, byte(len(r.Context)), byte(len(r.Name)))
	b = binary.BigEndian.AppendUint32(b, uint32(min(Milliseconds(r.Timeout), math.MaxUint32)))
	b = binary.BigEndian.AppendUint64(b, r.Hedge)
	b = append(b, r.Key[:]...)
	b = append(b, r.Context...)
	b = append(b, r.Name...)
	return append(b, r.Data...), nil
}

// Milliseconds is a timeout as it is sent: rounded up, so that only 0 is 0. A negative timeout has
// passed already and is sent as 1 ms.
func Milliseconds(timeout time.Duration) uint64 {
	if timeout == 0 {
		return 0
	}
	timeout = max(timeout, time.Millisecond)
	ms := uint64(timeout / time.Millisecond)
	if timeout%time.Millisecond > 0 {
		ms++
	}
	return ms
}

// ParseRequest parses the body of a request's frame. Data refers to body. Unknown numbers of Op,
// Hash and Padding are no error here, see [Request.Check].
func ParseRequest(body []byte, r *Request) error {
	if len(body) < requestLength {
		return malformed("a request of %d bytes", len(body))
	}
	context, name := int(body[14]), int(body[15])
	rest := body[requestLength:]
	switch {
	case len(rest) < context+name:
		return malformed("a request shorter than its fields")
	case len(rest)-context-name > MaxData:
		return malformed("a request with %d bytes of data", len(rest)-context-name)
	case body[11]&^flagMessage != 0:
		return malformed("unknown flags %#x of a request", body[11])
	}
	*r = Request{
		ID:      binary.BigEndian.Uint64(body),
		Op:      Op(body[8]),
		Hash:    Hash(body[9]),
		Padding: Padding(body[10]),
		Message: body[11] == flagMessage,
		Salt:    binary.BigEndian.Uint16(body[12:]),
		Timeout: time.Duration(binary.BigEndian.Uint32(body[16:])) * time.Millisecond,
		Hedge:   binary.BigEndian.Uint64(body[20:]),
		Key:     KeyID(body[28:60]),
		Context: string(rest[:context]),
		Name:    string(rest[context : context+name]),
		Data:    rest[context+name:],
	}
	switch {
	case r.ID == 0:
		return malformed("a request has the number 0")
	case !utf8.ValidString(r.Name):
		return malformed("a key's name that is not UTF-8")
	}
	return nil
}
