package serve

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"asynccrypto/cmd/asynccrypto/internal/cli"
)

// maxTicketKeys bounds the keys that a ticket is tried with.
const maxTicketKeys = 64

// readTicketKeys reads the keys of session tickets. Each line has one in hexadecimal digits; empty
// lines, and those that begin with #, have none. No error shows a key.
func readTicketKeys(path string) ([][32]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, cli.Cause(err)
	}
	defer f.Close()
	var keys [][32]byte
	lines := bufio.NewScanner(io.LimitReader(f, 64<<10))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		var key [32]byte
		if len(line) != hex.EncodedLen(len(key)) {
			return nil, fmt.Errorf("line %d has %d characters, not 64; make a key with: openssl rand -hex 32", n, len(line))
		}
		if _, err := hex.Decode(key[:], []byte(line)); err != nil {
			return nil, fmt.Errorf("line %d is not hexadecimal; make a key with: openssl rand -hex 32", n)
		}
		keys = append(keys, key)
	}
	switch {
	case lines.Err() != nil:
		return nil, cli.Cause(lines.Err())
	case keys == nil:
		return nil, errors.New("holds no key; make one with: openssl rand -hex 32")
	case len(keys) > maxTicketKeys:
		return nil, fmt.Errorf("holds more than %d keys; take old ones out", maxTicketKeys)
	}
	return keys, nil
}
