package rsa

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
	f.mulAdd(s, h, q, mq)
}
