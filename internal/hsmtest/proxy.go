package hsmtest

import (
	_ "embed"
	"encoding/binary"
	"os"
	"path/filepath"
	"time"
)

//go:embed proxy/proxy.c
var proxySource []byte

// Function is a function of PKCS #11, as its index in CK_FUNCTION_LIST.
type Function uint32

// The functions that a proxy counts, and fails if asked to.
const (
	Initialize        Function = 0
	GetTokenInfo      Function = 6
	OpenSession       Function = 12
	GetSessionInfo    Function = 15
	Login             Function = 18
	GetAttributeValue Function = 24
	FindObjectsInit   Function = 26
	DecryptInit       Function = 33
	Decrypt           Function = 34
	SignInit          Function = 42
	Sign              Function = 43
)

// The words of the control file, which proxy/proxy.c maps.
const (
	wordDelay = iota
	wordCapacity
	wordHang
	wordCrash
	wordDead
	wordFailFn
	wordFailRV
	wordFailAfter
	wordFailCount
	wordInside
	wordMaxInside
	wordFreed
	wordReclaimed
	wordCalls
	wordOwners = wordCalls + 68
	words      = wordOwners + 1024
)

// Control says how the proxy behaves in every process that has loaded it, and what it has counted
// there. Any goroutine may use it, until the test that it was made for ends. Each setting holds until
// it is changed, for calls that are under way too.
type Control struct{ file *os.File }

// Proxy returns a module that passes calls on to m. It delays and holds decryptions and signatures,
// both called operations here. A C_Sign or C_Decrypt that only asks for the size of the result is
// such an operation too, as it is for a module that asks a device for it. One that follows a
// C_SignInit or C_DecryptInit that has failed is none.
func Proxy(t T, m *Module) (*Module, *Control) {
	t.Helper()
	gcc := Program(t, "gcc", "gcc")
	dir := t.TempDir()
	p := *m
	p.Name += " behind a proxy"
	p.Path = filepath.Join(dir, "proxy.so")
	run(t, gcc, "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o", p.Path, write(t, dir, "proxy.c", proxySource), "-ldl")
	f, err := os.OpenFile(write(t, dir, "control", make([]byte, 4*words)), os.O_RDWR, 0)
	if err != nil {
		t.Fatalf("%v", err)
	}
	t.Cleanup(func() { f.Close() })
	t.Setenv("HSMTEST_PROXY_MODULE", m.Path)
	t.Setenv("HSMTEST_PROXY_CONTROL", f.Name())
	return &p, &Control{f}
}

// Delay has an operation take d longer than the module behind the proxy.
func (c *Control) Delay(d time.Duration) { c.set(wordDelay, uint32(d/time.Microsecond)) }

// Capacity lets n operations run at once, in all processes together. The others wait. Zero stands
// for 1,024, which is the most.
func (c *Control) Capacity(n int) { c.set(wordCapacity, uint32(n)) }

// Hang has operations wait until Hang(false).
func (c *Control) Hang(on bool) { c.set(wordHang, word(on)) }

// Crash has each operation abort its process.
func (c *Control) Crash(on bool) { c.set(wordCrash, word(on)) }

// Dead has every function of the list above but C_Initialize return rv, a CK_RV, as if the device
// were gone. Zero ends it.
func (c *Control) Dead(rv uint32) { c.set(wordDead, rv) }

// Fail makes calls of fn return rv, a CK_RV: count of them, once after more calls have been passed
// on. It takes the place of an earlier Fail.
func (c *Control) Fail(fn Function, rv uint32, after, count int) {
	c.set(wordFailCount, 0)
	c.set(wordFailFn, uint32(fn))
	c.set(wordFailRV, rv)
	c.set(wordFailAfter, uint32(after))
	c.set(wordFailCount, uint32(count))
}

// Calls returns how often fn was called, whatever it returned.
func (c *Control) Calls(fn Function) int { return c.get(wordCalls + int(fn)) }

// Inside returns how many operations are under way. One whose process was killed counts until
// another one has waited for its place.
func (c *Control) Inside() int { return c.get(wordInside) }

// MaxInside returns the most operations that were under way at once.
func (c *Control) MaxInside() int { return c.get(wordMaxInside) }

func word(on bool) uint32 {
	if on {
		return 1
	}
	return 0
}

// The kernel reads and writes an aligned word of a file that is mapped elsewhere as one.
func (c *Control) set(i int, value uint32) {
	if _, err := c.file.WriteAt(binary.NativeEndian.AppendUint32(nil, value), int64(4*i)); err != nil {
		panic(err)
	}
}

func (c *Control) get(i int) int {
	var b [4]byte
	if _, err := c.file.ReadAt(b[:], int64(4*i)); err != nil {
		panic(err)
	}
	return int(binary.NativeEndian.Uint32(b[:]))
}
