//go:build linux

package provider

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/big"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// secretPiece is how many bytes of a secret are searched for. A piece is found also if the rest has
// been overwritten, as when memory was freed and used again.
const secretPiece = 16

// secrets returns pieces of all numbers that only the holder of a private key knows, by their names: as
// the key's file has them, in text and decoded, and as processors have them.
func secrets(key *testKey) map[string][]byte {
	numbers := map[string]*big.Int{}
	switch key := key.signer.(type) {
	case *rsa.PrivateKey:
		key.Precompute()
		numbers["p"], numbers["q"], numbers["d"] = key.Primes[0], key.Primes[1], key.D
		numbers["dP"], numbers["dQ"], numbers["qInv"] = key.Precomputed.Dp, key.Precomputed.Dq, key.Precomputed.Qinv
	case *ecdsa.PrivateKey:
		scalar, err := key.Bytes()
		if err != nil {
			panic(err)
		}
		numbers["scalar"] = new(big.Int).SetBytes(scalar)
	case ed25519.PrivateKey:
		numbers["seed"] = new(big.Int).SetBytes(key.Seed())
	}
	file, _ := pem.Decode(key.private)
	pieces := map[string][]byte{}
	for name, n := range numbers {
		b := n.Bytes()
		for at, offset := range map[string]int{"begin": 0, "middle": (len(b) - secretPiece) / 2, "end": len(b) - secretPiece} {
			piece := b[offset:][:secretPiece]
			pieces[at+" of "+name] = piece
			pieces[at+" of "+name+" in text"] = inText(file.Bytes, piece)
			piece = bytes.Clone(piece)
			slices.Reverse(piece)
			pieces[at+" of "+name+", least byte first"] = piece
		}
	}
	return pieces
}

// inText returns those digits of the base64 text of a file that stand for nothing but a piece of it.
func inText(file, piece []byte) []byte {
	begin := bytes.Index(file, piece)
	end := (begin + len(piece)) / 3 * 3
	begin = (begin + 2) / 3 * 3
	return []byte(base64.StdEncoding.EncodeToString(file[begin:end]))
}

// inMemory searches all that a process can read of its memory, and returns the names of the pieces that
// are there.
func inMemory(t *testing.T, pid int, pieces map[string][]byte) (found []string) {
	t.Helper()
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	memory, err2 := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err := cmp.Or(err, err2); errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
		return nil // it has ended
	} else if err != nil {
		t.Fatal(err)
	}
	defer memory.Close()
	read := int64(0)
	buffer := make([]byte, 1<<20)
	for lines := bufio.NewScanner(bytes.NewReader(maps)); lines.Scan(); {
		// "7f00-7f10 rw-p 0000 08:01 123 /file": see proc_pid_maps(5).
		fields := strings.Fields(lines.Text())
		if fields[1][0] != 'r' || strings.HasSuffix(lines.Text(), "[vvar]") || strings.HasSuffix(lines.Text(), "[vsyscall]") {
			continue
		}
		from, to, _ := strings.Cut(fields[0], "-")
		begin, err1 := strconv.ParseInt(from, 16, 64)
		end, err2 := strconv.ParseInt(to, 16, 64)
		if err1 != nil || err2 != nil {
			continue // above the half of all addresses, which is the kernel's
		}
		kept := 0 // bytes of the block before, in which a piece may begin
		for at := begin; at < end; {
			n, err := memory.ReadAt(buffer[kept:min(int64(len(buffer)), end-at+int64(kept))], at)
			read += int64(n)
			for name, piece := range pieces {
				if bytes.Contains(buffer[:kept+n], piece) && !slices.Contains(found, name) {
					found = append(found, name)
				}
			}
			if err != nil && err != io.EOF || n == 0 {
				break // unmapped since, or a device
			}
			at += int64(n)
			keep := min(kept+n, 100)
			copy(buffer, buffer[kept+n-keep:kept+n])
			kept = keep
		}
	}
	if _, err := os.Stat(fmt.Sprintf("/proc/%d", pid)); read < 1<<20 && err == nil {
		t.Errorf("only %d bytes of process %d can be read", read, pid)
	}
	return found
}
