//go:build !amd64 || purego

package nistec

import "asynccrypto/internal/ifma"

// Only tests call these: nothing makes a key where the kernels cannot run.

func (k *kernels) mul(dst, a, b []ifma.Vec) { k.mulReference(dst, a, b) }

func (k *kernels) sqr(dst, a []ifma.Vec) { k.mulReference(dst, a, a) }

func (k *kernels) ordMul(dst, a, b []ifma.Vec) { k.ordMulReference(dst, a, b) }

func (k *kernels) reduce(a, m []ifma.Vec) { reduceReference(a[:k.digits], m) }

func (k *kernels) double(st []ifma.Vec, n int) { k.doubleReference(st, n) }

func (k *kernels) addAffine(st, pt []ifma.Vec, neg, skip uint64) {
	k.addAffineReference(st, pt, neg, skip)
}

func (k *kernels) addAffine2(st, st2, pt, pt2 []ifma.Vec, neg, skip, neg2, skip2 uint64) {
	k.addAffineReference(st, pt, neg, skip)
	k.addAffineReference(st2, pt2, neg2, skip2)
}

func (k *kernels) addXYZZ2(st, st2, pt, pt2 []ifma.Vec, neg, skip, neg2, skip2 uint64) {
	k.addXYZZReference(st, pt, neg, skip)
	k.addXYZZReference(st2, pt2, neg2, skip2)
}

func (k *kernels) add(st, pt []ifma.Vec) { k.addReference(st, pt) }

func (k *kernels) fetch(dst []ifma.Vec, bases, mag *ifma.Vec) { k.fetchReference(dst, bases, mag) }

func (k *kernels) store(to *ifma.Vec, src []ifma.Vec) { k.storeReference(to, src) }

func (k *kernels) lookup(dst, table []ifma.Vec, mag *ifma.Vec) { k.lookupReference(dst, table, mag) }

func recode(mag, x []ifma.Vec, neg, zero []uint64, w int) { recodeReference(mag, x, neg, zero, w) }

func compress(state *hashState, block *hashBlock) { compressReference(state, block) }
