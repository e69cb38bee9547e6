package nistec

//lint:file-ignore SA1019 the tests need sums and multiples of points, and coordinates of keys

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"math/big"
	"os"
	"sync"
	"testing"

	"asynccrypto/internal/ifma"
)

// rounds returns how often a test repeats: n times, ten times as often with CI=true, and a tenth
// as often with -short.
func rounds(n int) int {
	switch {
	case testing.Short():
		return (n + 9) / 10
	case os.Getenv("CI") == "true":
		return 10 * n
	}
	return n
}

// testCurve is a curve with the standard library's.
type testCurve struct {
	*Curve
	std elliptic.Curve
}

func testCurves() []testCurve {
	return []testCurve{{P256(), elliptic.P256()}, {P384(), elliptic.P384()}}
}

// everyCurve runs test for both curves, on the kernels if they can run.
func everyCurve(t *testing.T, test func(t *testing.T, c testCurve)) {
	for _, c := range testCurves() {
		t.Run(c.name, func(t *testing.T) {
			need(t)
			test(t, c)
		})
	}
}

// everyImpl runs test for both curves on the kernels, if they can run, and on the reference
// implementations.
func everyImpl(t *testing.T, test func(t *testing.T, c testCurve)) {
	t.Run("kernels", func(t *testing.T) { everyCurve(t, test) })
	t.Run("reference", func(t *testing.T) {
		defer func(old bool) { ifma.AllowReference = old }(ifma.AllowReference)
		ifma.AllowReference = true
		everyCurve(t, test)
	})
}

func need(t testing.TB) {
	t.Helper()
	if !ifma.Usable() {
		_, why := ifma.Supported()
		t.Skip(why)
	}
}

func workspace(t testing.TB, c *Curve) *Workspace {
	t.Helper()
	w, err := c.NewWorkspace()
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// testKey is a key pair for both libraries.
type testKey struct {
	std     *ecdsa.PrivateKey
	d       *big.Int
	pub     *PublicKey
	compact *PublicKey
	priv    *PrivateKey
	point   Point
}

// keysOf has eight keys for each curve.
var keysOf = map[string]func() [MaxBatch]*testKey{
	"P-256": sync.OnceValue(func() [MaxBatch]*testKey { return newKeys(testCurves()[0]) }),
	"P-384": sync.OnceValue(func() [MaxBatch]*testKey { return newKeys(testCurves()[1]) }),
}

func newKeys(c testCurve) (keys [MaxBatch]*testKey) {
	for l := range keys {
		std, err := ecdsa.GenerateKey(c.std, rand.Reader)
		if err != nil {
			panic(err)
		}
		keys[l] = prepare(c, std)
	}
	return keys
}

func prepare(c testCurve, std *ecdsa.PrivateKey) *testKey {
	k := &testKey{std: std, d: std.D, point: Point{c.bytes(std.X), c.bytes(std.Y)}}
	var err error
	if k.pub, err = c.NewPublicKey(k.point.X, k.point.Y, false); err != nil {
		panic(err)
	}
	if k.compact, err = c.NewPublicKey(k.point.X, k.point.Y, true); err != nil {
		panic(err)
	}
	if k.priv, err = c.NewPrivateKey(c.bytes(k.d), k.pub); err != nil {
		panic(err)
	}
	return k
}

// preparePublic makes a key without a private key.
func preparePublic(t testing.TB, c testCurve, x, y *big.Int) *testKey {
	t.Helper()
	k := &testKey{point: Point{c.bytes(x), c.bytes(y)}}
	k.std = &ecdsa.PrivateKey{PublicKey: ecdsa.PublicKey{Curve: c.std, X: x, Y: y}}
	var err error
	if k.pub, err = c.NewPublicKey(k.point.X, k.point.Y, false); err != nil {
		t.Fatal(err)
	}
	if k.compact, err = c.NewPublicKey(k.point.X, k.point.Y, true); err != nil {
		t.Fatal(err)
	}
	return k
}

// baseMult returns k·G.
func (c testCurve) baseMult(k *big.Int) (x, y *big.Int) {
	return c.std.ScalarBaseMult(k.Mod(k, c.n.big).Bytes())
}

// mult returns k·(x, y).
func (c testCurve) mult(x, y, k *big.Int) (*big.Int, *big.Int) {
	return c.std.ScalarMult(x, y, k.Mod(k, c.n.big).Bytes())
}

// sub returns (x, y) - (x2, y2).
func (c testCurve) sub(x, y, x2, y2 *big.Int) (*big.Int, *big.Int) {
	return c.std.Add(x, y, x2, new(big.Int).Sub(c.p.big, y2))
}

// bytes returns x in as many bytes as a coordinate has.
func (c testCurve) bytes(x *big.Int) []byte { return x.FillBytes(make([]byte, c.size)) }

// batch is a batch of signatures by keysOf.
type batch struct {
	keys         [MaxBatch]*testKey
	pubs         [MaxBatch]*PublicKey
	compact      [MaxBatch]*PublicKey
	points       [MaxBatch]Point
	privs        [MaxBatch]*PrivateKey
	hashes, r, s [MaxBatch][]byte
	nonces       [MaxBatch][]byte
}

func newBatch(t testing.TB, c testCurve) *batch {
	b := &batch{keys: keysOf[c.name]()}
	for l, k := range b.keys {
		b.pubs[l], b.compact[l], b.points[l], b.privs[l] = k.pub, k.compact, k.point, k.priv
		h := sha256.Sum256([]byte{byte(l)})
		b.hashes[l] = h[:]
		b.nonces[l] = make([]byte, c.size)
		b.sign(t, c, l)
	}
	return b
}

// sign makes the signature of lane l with the standard library.
func (b *batch) sign(t testing.TB, c testCurve, l int) {
	r, s, err := ecdsa.Sign(rand.Reader, b.keys[l].std, b.hashes[l])
	if err != nil {
		t.Fatal(err)
	}
	b.r[l], b.s[l] = c.bytes(r), c.bytes(s)
}

// drawNonces fills the nonces.
func (b *batch) drawNonces(t testing.TB) {
	for l, k := range b.privs {
		if err := k.HedgedNonce(b.nonces[l], b.hashes[l]); err != nil {
			t.Fatal(err)
		}
	}
}
