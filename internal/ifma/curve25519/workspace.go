package curve25519

import (
	"crypto/sha512"
	"hash"
	"sync"

	"asynccrypto/internal/ifma"
)

// MaxBatch is the number of operations that a batch can hold.
const MaxBatch = lanes

// A point is twenty rows, for X, Y, Z and T = XY/Z, and the rows behind them that kernels use.
const (
	pointX      = 0
	pointY      = 5
	pointZ      = 10
	pointT      = 15
	pointValue  = 20
	pointRows   = 80
	affineRows  = 15 // an affine point of a table
	cachedRows  = 20 // one with its Z
	entryRows   = 16 // an entry of a table in eight lanes, of which the last row is not used
	entryPlus   = 0  // y + x
	entryMinus  = 5  // y - x
	entryT      = 10 // 2d·x·y, or 2d·t
	entryZ      = 15
	ladderX2    = 0
	ladderZ2    = 5
	ladderX3    = 10
	ladderZ3    = 15
	ladderX1    = 20
	ladderRows  = 90
	scratchRows = 60
)

// Workspace is the memory of one batch. One batch at a time may use it, and it allocates nothing
// after NewWorkspace. After an operation with secrets it holds none.
type Workspace struct {
	mem     []vec
	point   []vec // the sum, and the ladder
	entry   []vec // of a table, in all lanes
	affineX []vec // a point, as encode left it
	affineY []vec
	t       []vec
	x       []vec // numbers of four words, and a row of zeros
	offsets []vec // in table
	swaps   []vec // of the ladder: four rows of bits
	hashes  []vec // SHA-512 of the messages
	blocks  []vec
	table   []vec // multiples of points of which there is no table
	base    signedDigits
	key     signedDigits
	compact signedDigits
	secret  signedDigits

	scalars [lanes]words // S, or the nonces, or X25519's scalars
	second  [lanes]words // the hashes that the keys are multiplied by
	again   [lanes]words // the nonces, for the check
	hash    hash.Hash
	digest  [sha512.Size]byte
	encoded [lanes][32]byte

	// hook lets tests spoil a computation after any of its steps. Otherwise it is nil.
	hook func(at step, i int)
}

// NewWorkspace makes a workspace. Without the kernels the error is [ifma.ErrUnsupported].
func NewWorkspace() (*Workspace, error) {
	if !ifma.Usable() {
		return nil, ifma.ErrUnsupported
	}
	w := &Workspace{
		hash:    sha512.New(),
		base:    newSignedDigits(baseWindows),
		key:     newSignedDigits(keyWindows),
		compact: newSignedDigits(compactWindows),
		secret:  newSignedDigits(secretWindows),
	}
	var count arena
	w.divide(&count)
	w.mem = ifma.NewVecs(count.used)
	w.divide(&arena{mem: w.mem})
	return w, nil
}

// divide takes the parts of w from a.
func (w *Workspace) divide(a *arena) {
	w.point = a.take(ladderRows)
	w.entry = a.take(cachedRows)
	w.affineX, w.affineY = a.take(digits), a.take(digits)
	w.t = a.take(scratchRows)
	w.x = a.take(5)
	w.offsets = a.take(1)
	w.swaps = a.take(4)
	w.hashes, w.blocks = a.take(hashRows), a.take(blockRows)
	w.base.take(a)
	w.key.take(a)
	w.compact.take(a)
	w.secret.take(a)
	w.table = a.take(multiples * cachedRows)
}

// pool has workspaces for preparing keys.
var pool = sync.Pool{New: func() any {
	w, err := NewWorkspace()
	if err != nil {
		panic(err) // the caller has asked ifma.Usable
	}
	return w
}}

var zeros [sha512.BlockSize / 2]byte

// wipe overwrites all that may be secret.
func (w *Workspace) wipe() {
	clear(w.mem[:len(w.mem)-len(w.table)])
	for _, d := range []*signedDigits{&w.secret, &w.base, &w.key, &w.compact} {
		clear(d.negative)
		clear(d.zero)
	}
	clear(w.scalars[:])
	clear(w.second[:])
	clear(w.again[:])
	clear(w.digest[:])
	clear(w.encoded[:])
	// The hash keeps the last incomplete block, which may have a secret prefix. A write of a whole
	// block would not go through its memory, so this takes two.
	w.hash.Reset()
	w.hash.Write(zeros[:])
	w.hash.Write(zeros[:])
	w.hash.Reset()
}

// signedDigits are eight numbers, cut into windows: digit i of lane l is magnitude[i][l], negated
// if bit l of negative[i] is set. Bit l of zero[i] is set if it is zero.
type signedDigits struct {
	magnitude      []vec // and a row behind them, which fetchEntries may read
	negative, zero []uint64
}

func newSignedDigits(n int) signedDigits {
	return signedDigits{negative: make([]uint64, n), zero: make([]uint64, n)}
}

func (d *signedDigits) take(a *arena) { d.magnitude = a.take(len(d.negative) + 1) }

// share has the windows of each of the first ops numbers in several lanes: window i of number l
// goes to lane l + j·ops of word i/each, where j is i mod each and each is 8/ops. It returns how
// many words that makes. Lanes for which no window is left get a zero, with a magnitude with which
// addMultiples reads from the last window of a table with so many entries in each.
func (d *signedDigits) share(ops, entries int) (words int) {
	each, windows := lanes/ops, len(d.negative)
	words = (windows + each - 1) / each
	if each == 1 {
		return words
	}
	for i := range words {
		var magnitude vec
		var negative, zero uint64
		for l := range lanes {
			window, from := i*each+l/ops, l%ops
			if window >= windows {
				magnitude[l] = uint64((windows - 1 - window) * entries)
				zero |= 1 << l
				continue
			}
			magnitude[l] = d.magnitude[window][from]
			negative |= d.negative[window] >> from & 1 << l
			zero |= d.zero[window] >> from & 1 << l
		}
		d.magnitude[i], d.negative[i], d.zero[i] = magnitude, negative, zero
	}
	return words
}

// operationsFor returns how many operations, 1, 2, 4 or 8, a batch of n is computed as.
func operationsFor(n int) int {
	ops := 1
	for ops < min(n, lanes) {
		ops *= 2
	}
	return ops
}

// split cuts numbers below the order into digits of the given width, above -2^(width-1) and up to
// 2^(width-1).
func (w *Workspace) split(d *signedDigits, x *[lanes]words, width int) {
	for l := range x {
		setWords(w.x, l, &x[l])
	}
	recodeAll(d, w.x, width)
}

// step names a point at which a test may insert a fault.
type step int

const (
	stepNonce     step = iota // the nonces are computed
	stepDigits                // the digits of the nonces are computed
	stepWindow                // window i of a secret scalar is added
	stepEncoded               // R is encoded
	stepSignature             // S is computed
	stepAgain                 // nonces and S are computed a second time
	stepCheck                 // the sum that R is compared with is computed
	stepLadder                // call i of the ladder is done
)

func (w *Workspace) at(s step, i int) {
	if w.hook != nil {
		w.hook(s, i)
	}
}
