package nistec

import (
	"encoding/binary"

	"asynccrypto/internal/ifma"
	"asynccrypto/internal/ifma/divsteps"
)

const (
	lanes     = ifma.Lanes
	digitBits = ifma.DigitBits
	digitMask = ifma.DigitMask
)

type vec = ifma.Vec

// maxSize is the number of bytes of the longest coordinates and scalars, those of P-384.
const maxSize = 48

// setBytes writes the big-endian number b, of at most maxSize bytes, into lane l of dst. Digits
// beyond b become 0.
func setBytes(dst []vec, l int, b []byte) {
	var x [maxSize/8 + 2]uint64
	i := 0
	for ; len(b) >= 8; i++ {
		x[i] = binary.BigEndian.Uint64(b[len(b)-8:])
		b = b[:len(b)-8]
	}
	for _, c := range b {
		x[i] = x[i]<<8 | uint64(c)
	}
	for i := range dst {
		pos := i * digitBits
		// A shift by 64 gives 0.
		dst[i][l] = (x[pos/64]>>(pos%64) | x[pos/64+1]<<(64-pos%64)) & digitMask
	}
}

// wordsOf returns lane l of src, the digits of a number below 2^(8·maxSize), in words of 64 bits.
func wordsOf(src []vec, l int) (x [maxSize / 8]uint64) {
	for i := range src {
		pos, digit := i*digitBits, src[i][l]
		if pos/64 < len(x) {
			x[pos/64] |= digit << (pos % 64)
		}
		if pos/64+1 < len(x) {
			x[pos/64+1] |= digit >> (64 - pos%64)
		}
	}
	return x
}

// bytesOf writes lane l of src into b, big-endian. It keeps as many low bytes as b holds, a
// multiple of eight.
func bytesOf(b []byte, src []vec, l int) {
	x := wordsOf(src, l)
	for i := range len(b) / 8 {
		binary.BigEndian.PutUint64(b[len(b)-8*i-8:], x[i])
	}
}

// limbsOf returns lane l of src in limbs.
func limbsOf(src []vec, l int) (x divsteps.Number) {
	for i := range src {
		pos, digit := i*digitBits, int64(src[i][l])
		j, s := pos/divsteps.LimbBits, pos%divsteps.LimbBits
		x[j] |= digit << s & (1<<divsteps.LimbBits - 1)
		if s > divsteps.LimbBits-digitBits {
			x[j+1] |= digit >> (divsteps.LimbBits - s)
		}
	}
	return x
}

// setLimbs writes x, not negative, into all lanes of dst.
func setLimbs(dst []vec, x *divsteps.Number) {
	for i := range dst {
		pos := i * digitBits
		j, s := pos/divsteps.LimbBits, pos%divsteps.LimbBits
		digit := uint64(x[j]) >> s
		if j+1 < len(x) {
			digit |= uint64(x[j+1]) << (divsteps.LimbBits - s)
		}
		fill(&dst[i], digit&digitMask)
	}
}

// fill sets all lanes of v to x.
func fill(v *vec, x uint64) {
	for l := range v {
		v[l] = x
	}
}

// setAll sets all lanes of dst to lane 0 of src.
func setAll(dst, src []vec) {
	for i := range dst {
		fill(&dst[i], src[i][0])
	}
}

// repeat copies the first n lanes of v into the others: n is 1, 2, 4 or 8.
func repeat(v []vec, n int) {
	for i := range v {
		for at := n; at < lanes; at *= 2 {
			copy(v[i][at:], v[i][:at])
		}
	}
}

// copyLane copies lane from of src into lane to of dst.
func copyLane(dst []vec, to int, src []vec, from int) {
	for i := range dst {
		dst[i][to] = src[i][from]
	}
}

// rotate sets lane l of dst to lane l+by of src, in a circle.
func rotate(dst, src []vec, by int) {
	for i := range dst {
		for l := range lanes {
			dst[i][l] = src[i][(l+by)%lanes]
		}
	}
}

// add sets a to a+b, with digits below 2^52. The caller knows that the last digit has room.
func add(a, b []vec) {
	var c vec
	for i := range a {
		for l := range c {
			t := a[i][l] + b[i][l] + c[l]
			a[i][l], c[l] = t&digitMask, t>>digitBits
		}
	}
}

// less returns all ones in each lane where a < b, else 0. Digits are below 2^52.
func less(a, b []vec) (m vec) {
	for i := range a {
		for l := range m {
			m[l] = uint64(int64(a[i][l]-b[i][l]+m[l]) >> digitBits)
		}
	}
	return m
}

// isZero returns all ones in each lane where a is 0.
func isZero(a []vec) (m vec) {
	for i := range a {
		for l := range m {
			m[l] |= a[i][l]
		}
	}
	for l := range m {
		m[l] = uint64(int64(m[l]-1) >> 63)
	}
	return m
}

// equal returns all ones in each lane where a and b agree.
func equal(a, b []vec) (m vec) {
	for i := range a {
		for l := range m {
			m[l] |= a[i][l] ^ b[i][l]
		}
	}
	for l := range m {
		m[l] = uint64(int64(m[l]-1) >> 63)
	}
	return m
}

// bits returns a bit for each lane of a mask.
func bitsOf(m vec) (b uint8) {
	for l := range m {
		b |= uint8(m[l]&1) << l
	}
	return b
}
