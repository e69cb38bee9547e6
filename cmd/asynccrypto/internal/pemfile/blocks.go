package pemfile

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// begin starts each block, at the beginning of a line (RFC 7468).
const begin = "-----BEGIN "

// blocks returns all blocks of text. Unlike pem.Decode it does not pass over a damaged block, which
// would make a bundle shrink without a word. Text around the blocks is allowed.
func blocks(text []byte) ([]*pem.Block, error) {
	// Some editors, those of Windows above all, begin a file with a byte-order mark.
	text = bytes.TrimPrefix(text, []byte("\xEF\xBB\xBF"))
	if bytes.HasPrefix(text, []byte("\xFF\xFE")) || bytes.HasPrefix(text, []byte("\xFE\xFF")) {
		return nil, errors.New("in UTF-16; save it as UTF-8")
	}
	var found []*pem.Block
	for start := nextBegin(text, 0); start < len(text); {
		end := nextBegin(text, start+len(begin))
		block, _ := pem.Decode(text[start:end])
		if block == nil {
			return nil, fmt.Errorf("block %d (%s) is damaged; it starts in line %d", len(found)+1, firstLine(text[start:end]),
				1+bytes.Count(text[:start], []byte("\n")))
		}
		found = append(found, block)
		start = end
	}
	if found == nil && len(text) > 0 && text[0] == 0x30 { // a SEQUENCE of ASN.1, which is no letter of a text
		return nil, errors.New("in DER form; convert it to PEM form with: openssl x509 -inform DER -in FILE -out FILE.pem, " +
			"or openssl pkey -inform DER for a key")
	}
	return found, nil
}

// nextBegin returns where the next block begins, or len(text).
func nextBegin(text []byte, from int) int {
	for i := from; ; {
		n := bytes.Index(text[i:], []byte(begin))
		if n < 0 {
			return len(text)
		}
		if i += n; i == 0 || text[i-1] == '\n' || text[i-1] == '\r' {
			return i
		}
		i += len(begin)
	}
}

// firstLine returns the label of a block, which may be cut off.
func firstLine(block []byte) string {
	line, _, _ := strings.Cut(string(block[len(begin):min(len(block), len(begin)+60)]), "\n")
	return strings.TrimRight(line, "-\r ")
}

// certificates parses the blocks that are certificates, and checks each of them: a server sends
// them as they are, so a damaged one would show only at the clients. The others stand for the
// labels of the other blocks.
func certificates(text []byte) (certs []*x509.Certificate, others []string, err error) {
	found, err := blocks(text)
	if err != nil {
		return nil, nil, err
	}
	for i, block := range found {
		if block.Type != "CERTIFICATE" {
			others = append(others, block.Type)
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			which := ""
			if len(found) > 1 {
				which = fmt.Sprintf("block %d is ", i+1)
			}
			return nil, nil, fmt.Errorf("%snot a valid certificate: %s", which, strings.TrimPrefix(err.Error(), "x509: "))
		}
		certs = append(certs, cert)
	}
	return certs, others, nil
}
