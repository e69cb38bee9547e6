package nistec

import (
	"encoding/binary"
	"sync"
)

// Nonces of P-256 are made by SHA-256 and by HMAC with it, in all lanes at once. Its words have 32
// bits, so a row is half as long as a vec.

// hashRow is a word of the hash values, or of a block, in each lane.
type hashRow [lanes]uint32

type (
	hashState [8]hashRow
	hashBlock [16]hashRow
)

const (
	hashSize  = 32 // bytes of SHA-256
	blockSize = 64
)

// initialHash is the initial hash values, FIPS 180-4, section 5.3.3.
var initialHash = hashState{
	rowOf(0x6a09e667), rowOf(0xbb67ae85), rowOf(0x3c6ef372), rowOf(0xa54ff53a),
	rowOf(0x510e527f), rowOf(0x9b05688c), rowOf(0x1f83d9ab), rowOf(0x5be0cd19),
}

func rowOf(x uint32) (r hashRow) {
	for l := range r {
		r[l] = x
	}
	return r
}

// setBlocks writes message into lane l of two blocks, with the padding, for which there must be
// room. before is the number of bytes that were hashed before it.
func setBlocks(blocks *[2]hashBlock, l int, message []byte, before int) {
	var buf [2 * blockSize]byte
	buf[copy(buf[:], message)] = 0x80
	binary.BigEndian.PutUint32(buf[len(buf)-4:], uint32(8*(before+len(message))))
	for i := range len(buf) / 4 {
		blocks[i/16][i%16][l] = binary.BigEndian.Uint32(buf[4*i:])
	}
	clear(buf[:])
}

// bytesOf writes lane l of a hash into b.
func (s *hashState) bytesOf(b []byte, l int) {
	for i := range s {
		binary.BigEndian.PutUint32(b[4*i:], s[i][l])
	}
}

// hmacLanes is HMAC-SHA-256 in all lanes.
type hmacLanes struct {
	inner, outer hashState // after the block that the key makes
	state        hashState
	block        [1]hashBlock
}

func (m *hmacLanes) setKey(k *hashState) {
	m.padKey(&m.inner, k, 0x36363636)
	m.padKey(&m.outer, k, 0x5c5c5c5c)
}

func (m *hmacLanes) padKey(to, k *hashState, pad uint32) {
	block, row := &m.block[0], rowOf(pad)
	for i := range k {
		for l, x := range &k[i] {
			block[i][l] = x ^ pad
		}
	}
	for i := len(k); i < len(block); i++ {
		block[i] = row
	}
	*to = initialHash
	compress(to, block)
}

// emptyKey returns inner and outer for the key that is all zeros, with which RFC 6979 begins.
var emptyKey = sync.OnceValues(func() (inner, outer hashState) {
	var m hmacLanes
	m.setKey(new(hashState))
	return m.inner, m.outer
})

// sum sets dst to the HMAC of blocks, which are padded.
func (m *hmacLanes) sum(dst *hashState, blocks []hashBlock) {
	m.state = m.inner
	for i := range blocks {
		compress(&m.state, &blocks[i])
	}
	m.padHash(&m.state)
	*dst = m.outer
	compress(dst, &m.block[0])
}

// sumHash sets v to the HMAC of v.
func (m *hmacLanes) sumHash(v *hashState) {
	m.padHash(v)
	m.sum(v, m.block[:])
}

// padHash makes h the block that follows a key's.
func (m *hmacLanes) padHash(h *hashState) {
	block := &m.block[0]
	copy(block[:], h[:])
	clear(block[len(h):])
	block[len(h)] = rowOf(0x80000000)
	block[len(block)-1] = rowOf(8 * (blockSize + hashSize))
}

// hashLanes is the memory for the nonces of a batch. It is empty between batches.
type hashLanes struct {
	k, v    hashState
	hmac    hmacLanes
	message [2]hashBlock
}

// hedged sets v to the hash of message.
func (h *hashLanes) hedged() {
	h.v = initialHash
	for i := range h.message {
		compress(&h.v, &h.message[i])
	}
}

// deterministic sets v to the first candidate of RFC 6979, section 3.2, for SHA-256 and an order of
// 256 bits. message is what K becomes the HMAC of: 33 zeros, d, and the reduced hash.
func (h *hashLanes) deterministic() {
	for i := range h.v {
		h.v[i] = rowOf(0x01010101)
	}
	h.hmac.inner, h.hmac.outer = emptyKey()
	for mark := range uint32(2) {
		copy(h.message[0][:], h.v[:])
		for l := range lanes { // the byte behind V
			h.message[0][len(h.v)][l] |= mark << 24
		}
		h.hmac.sum(&h.k, h.message[:])
		h.hmac.setKey(&h.k)
		h.hmac.sumHash(&h.v)
	}
	h.hmac.sumHash(&h.v)
}
