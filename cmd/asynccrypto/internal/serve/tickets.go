package serve

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"

	"asynccrypto/cmd/asynccrypto/internal/cli"
)

// maxTicketKeys bounds the keys that a ticket is tried with.
const maxTicketKeys = 64

// readTicketKeys reads the keys of session tickets. Each line has one in hexadecimal digits; empty
// lines, and those that begin with #, have none. No error shows a key. Clear the keys when done.
func readTicketKeys(path string) ([][32]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, cli.Cause(err)
	}
	defer f.Close()
	text := make([]byte, 64<<10)
	defer clear(text)
	n, err := io.ReadFull(f, text)
	switch err {
	case io.EOF, io.ErrUnexpectedEOF:
	case nil:
		return nil, errors.New("larger than 64 KB")
	default:
		return nil, cli.Cause(err)
	}
	keys := make([][32]byte, 0, maxTicketKeys) // append must not copy keys
	number := 0
	for line := range bytes.Lines(text[:n]) {
		number++
		if line = bytes.TrimSpace(line); len(line) == 0 || line[0] == '#' {
			continue
		}
		var key [32]byte
		if len(line) != hex.EncodedLen(len(key)) {
			return nil, fmt.Errorf("line %d has %d characters, not 64; make a key with: openssl rand -hex 32", number, len(line))
		}
		if _, err := hex.Decode(key[:], line); err != nil {
			return nil, fmt.Errorf("line %d is not hexadecimal; make a key with: openssl rand -hex 32", number)
		}
		if len(keys) == maxTicketKeys {
			return nil, fmt.Errorf("holds more than %d keys; take old ones out", maxTicketKeys)
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, errors.New("holds no key; make one with: openssl rand -hex 32")
	}
	return keys, nil
}
