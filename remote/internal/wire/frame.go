package wire

import (
	"bufio"
	"encoding/binary"
	"io"
	"math"
)

// prefixLength is the length of the number before a body.
const prefixLength = 4

// ReadFrame reads a frame and returns its body, which is valid until the next read from r. The error
// is io.EOF if the stream ends before the frame, and io.ErrUnexpectedEOF if it ends within.
func ReadFrame(r *bufio.Reader, maxFrame int) ([]byte, error) {
	n, err := peekLength(r)
	if err != nil {
		return nil, err
	}
	if n == 0 || n > maxFrame {
		return nil, malformed("a frame of %d bytes; 1 to %d are accepted", n, maxFrame)
	}
	if prefixLength+n <= r.Size() {
		frame, err := r.Peek(prefixLength + n)
		if err != nil {
			return nil, unexpected(err)
		}
		_, _ = r.Discard(prefixLength + n) // is buffered, so the frame stays valid
		return frame[prefixLength:], nil
	}
	_, _ = r.Discard(prefixLength)
	body := make([]byte, n)
	if _, err := io.ReadFull(r, body); err != nil {
		return nil, unexpected(err)
	}
	return body, nil
}

func peekLength(r *bufio.Reader) (int, error) {
	prefix, err := r.Peek(prefixLength)
	if err != nil {
		if len(prefix) > 0 {
			err = unexpected(err)
		}
		return 0, err
	}
	return int(min(binary.BigEndian.Uint32(prefix), math.MaxInt32)), nil
}

func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// FrameBuffered reports whether [ReadFrame] can take a whole frame, or an error, from r's buffer:
// such a call does not wait, and leaves the bodies before it valid.
func FrameBuffered(r *bufio.Reader) bool {
	if r.Buffered() < prefixLength {
		return false
	}
	n, _ := peekLength(r)
	return n <= r.Buffered()-prefixLength
}
