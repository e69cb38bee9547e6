package multibuffer

// appendSignature appends the DER of an ECDSA signature (RFC 3279, section 2.2.3), a SEQUENCE of
// the two positive integers r and s. They are big-endian and below 2^384, so every length fits in
// one byte.
func appendSignature(out, r, s []byte) []byte {
	start := len(out)
	out = append(out, 0x30, 0)
	for _, x := range [...][]byte{r, s} {
		for len(x) > 1 && x[0] == 0 {
			x = x[1:]
		}
		if x[0]&0x80 != 0 {
			out = append(out, 0x02, byte(1+len(x)), 0)
		} else {
			out = append(out, 0x02, byte(len(x)))
		}
		out = append(out, x...)
	}
	out[start+1] = byte(len(out) - start - 2)
	return out
}

// parseSignature writes the two integers of a DER signature to r and s, big-endian and as long as
// these. It returns false for an encoding that crypto/ecdsa does not accept either, and for
// numbers that do not fit, which are above every curve's order.
func parseSignature(r, s, sig []byte) bool {
	// A signature that fits is shorter than 128 bytes. DER gives its length in one byte then.
	if len(sig) < 2 || sig[0] != 0x30 || sig[1] >= 0x80 || int(sig[1]) != len(sig)-2 {
		return false
	}
	rest, ok := parseInteger(r, sig[2:])
	if !ok {
		return false
	}
	rest, ok = parseInteger(s, rest)
	return ok && len(rest) == 0
}

// parseInteger writes the DER integer at the start of in to x, and returns the bytes after it. An
// integer is not negative and has no superfluous zero in front.
func parseInteger(x, in []byte) (rest []byte, ok bool) {
	if len(in) < 3 || in[0] != 0x02 || in[1] == 0 || in[1] >= 0x80 || int(in[1]) > len(in)-2 {
		return nil, false
	}
	value, rest := in[2:2+in[1]], in[2+in[1]:]
	if value[0]&0x80 != 0 || value[0] == 0 && len(value) > 1 && value[1]&0x80 == 0 {
		return nil, false
	}
	if value[0] == 0 {
		value = value[1:]
	}
	if len(value) > len(x) {
		return nil, false
	}
	clear(x)
	copy(x[len(x)-len(value):], value)
	return rest, true
}
