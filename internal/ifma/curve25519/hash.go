package curve25519

import (
	"crypto/sha512"
	"encoding/binary"
	"math/bits"
	"unsafe"
)

const (
	hashRows  = 8         // the hash values of SHA-512
	blockRows = 2 * lanes // a block for each lane
	// longest is the most bytes that are hashed in lanes: the longest message of a batch may be
	// alone for most of its blocks, and then the standard library is faster.
	longest = 1024
)

// initial is the initial hash values, FIPS 180-4, section 5.3.5.
var initial = [hashRows]uint64{
	0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
	0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179,
}

// message is the input of a lane: its parts, one behind the other. Any of them may be empty.
type message [4][]byte

func (m *message) len() int { return len(m[0]) + len(m[1]) + len(m[2]) + len(m[3]) }

// blocks is how many blocks the message has with its padding: a bit, and its length in 16 bytes.
func (m *message) blocks() int { return (m.len() + 17 + sha512.BlockSize - 1) / sha512.BlockSize }

// fill writes block i of the padded message. Blocks must be asked for in order: it takes what it
// has written away from rest, a copy of the message.
func (m *message) fill(block *[sha512.BlockSize]byte, i int, rest *message) {
	n := 0
	for j := range rest {
		c := copy(block[n:], rest[j])
		rest[j] = rest[j][c:]
		n += c
	}
	if n == len(block) {
		return
	}
	clear(block[n:])
	total := m.len()
	if total/len(block) == i {
		block[n] = 0x80
	}
	if i == m.blocks()-1 {
		binary.BigEndian.PutUint64(block[len(block)-8:], uint64(total)*8)
	}
}

// hashScalars sets dst to SHA-512 of the messages modulo the order, in the lanes of live. A
// message that is alone, or long, is hashed by the standard library. The lengths are public.
func (w *Workspace) hashScalars(dst *[lanes]words, messages *[lanes]message, live uint8) {
	most, alone := 0, live&(live-1) == 0
	rest := *messages
	for l := range messages {
		if live>>l&1 == 0 {
			continue
		}
		if m := &messages[l]; alone || m.len() > longest {
			dst[l] = w.hashAlone(m)
			live &^= 1 << l
		} else {
			most = max(most, m.blocks())
		}
	}
	for i, h := range initial {
		for l := range lanes {
			w.hashes[i][l] = h
		}
	}
	for i := range most {
		var mask uint64
		for l := range messages {
			if live>>l&1 == 1 && i < messages[l].blocks() {
				mask |= 1 << l
				messages[l].fill((*[sha512.BlockSize]byte)(unsafe.Pointer(&w.blocks[2*l])), i, &rest[l])
			}
		}
		compress(w.hashes, w.blocks, mask)
	}
	for l := range messages {
		if live>>l&1 == 1 {
			var x wide
			for i := range x {
				x[i] = bits.ReverseBytes64(w.hashes[i][l])
			}
			dst[l] = reduce(&x)
		}
	}
}

// hashAlone is hashScalars for one message, by the standard library.
func (w *Workspace) hashAlone(m *message) words {
	w.hash.Reset()
	for _, part := range m {
		w.hash.Write(part)
	}
	w.hash.Sum(w.digest[:0])
	low, high := wordsOf(w.digest[:32]), wordsOf(w.digest[32:])
	return reduce(&wide{low[0], low[1], low[2], low[3], high[0], high[1], high[2], high[3]})
}
