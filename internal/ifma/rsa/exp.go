package rsa

// tableSize is the number of powers that a lookup chooses from.
const tableSize = 1 << windowBits

// exponentiation raises eight numbers to eight secret exponents.
type exponentiation struct {
	base  []vec           // d words, in Montgomery form when run begins
	acc   []vec           // d words: the result
	table []vec           // digit i of power j is at tableSize*i+j
	idx   []vec           // one word: the window of each lane
	exp   [lanes][]byte   // windows, the most significant first
	hook  func(step, int) // see Workspace
}

// run computes acc = base^exp, both in Montgomery form. one is the number 1 in all lanes, as d
// digits.
func (x *exponentiation) run(f *field, one []vec) {
	x.fill(f, one)
	n := windows(f.bits())
	x.index(0)
	f.lookup(x.acc, x.table, &x.idx[0])
	for i := 1; i < n; i++ {
		x.window(f, i)
	}
}

// fill computes the powers 0 to 31 of the base.
func (x *exponentiation) fill(f *field, one []vec) {
	f.montgomery(x.acc, one)
	x.setEntry(0, x.acc)
	x.setEntry(1, x.base)
	copy(x.acc, x.base)
	for j := 2; j < tableSize; j++ {
		f.mul(x.acc, x.acc, x.base)
		x.setEntry(j, x.acc)
	}
	if x.hook != nil {
		x.hook(stepTable, 0)
	}
}

func (x *exponentiation) setEntry(j int, v []vec) {
	for i := range v {
		x.table[tableSize*i+j] = v[i]
	}
}

// window squares five times and multiplies by the power that window i of each exponent selects.
//
// It is a function of its own, with a frame, because the check in its prologue is where the
// scheduler can stop this goroutine. The kernels cannot be preempted, and neither could one long
// loop over them.
//
//go:noinline
func (x *exponentiation) window(f *field, i int) {
	x.index(i)
	f.window(x.acc, x.acc, x.table, &x.idx[0])
	if x.hook != nil {
		x.hook(stepWindow, i)
	}
}

// index gathers window i of the lanes.
func (x *exponentiation) index(i int) {
	for l := range lanes {
		x.idx[0][l] = uint64(x.exp[l][i])
	}
}
