package ifma

import "math/bits"

// recombine sets s = mq + q·((mp - mq)·qinv mod p) (Garner). s is below n, and it is the signature
// if mp, below p, is the signature modulo p, and mq, below q, the signature modulo q. f is the
// field of p; h and t are scratch of f.d words.
func recombine(f *field, s, mp, mq, q, qinv, h, t []vec) {
	d := f.d
	p := f.n()
	// mq < q < 2^bits <= 2p, so no difference is below zero.
	for i := range d {
		for l := range lanes {
			h[i][l] = mp[i][l] + 2*p[i][l] - mq[i][l]
		}
	}
	carry(h[:d])
	f.montgomery(t, qinv)
	f.mul(h, h, t)
	canonical(h[:d], p)
	mulAdd(s[:2*d], h[:d], q[:d], mq[:d])
}

// mulAdd sets s = a·b + c.
func mulAdd(s, a, b, c []vec) {
	clear(s)
	copy(s, c)
	for i := range a {
		for l := range lanes {
			var k uint64
			for j := range b {
				hi, lo := bits.Mul64(a[i][l], b[j][l])
				// Below (2^52-1)² + 2·(2^52-1) < 2^104.
				lo, cc := bits.Add64(lo, s[i+j][l]+k, 0)
				s[i+j][l], k = lo&digitMask, (hi+cc)<<12|lo>>digitBits
			}
			s[i+len(b)][l] = k
		}
	}
}
