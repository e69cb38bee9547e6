package nistec

import (
	"compress/gzip"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/asn1"
	"encoding/hex"
	"encoding/json"
	"math/big"
	"os"
	"strings"
	"testing"
)

// vector is one of Wycheproof's. Only signatures whose r and s have at most Size bytes get here:
// others never reach this package.
type vector struct {
	id    int
	pub   *ecdsa.PublicKey
	key   *testKey
	hash  []byte
	r, s  []byte
	valid bool // as the standard library has it
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func wycheproof(t *testing.T, c testCurve, name string, sum func([]byte) []byte) (all []vector) {
	f, err := os.Open("testdata/" + name + ".json.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		TestGroups []struct {
			PublicKey struct{ Wx, Wy string }
			Tests     []struct {
				TcID     int
				Msg, Sig string
			}
		}
	}
	if err := json.NewDecoder(z).Decode(&file); err != nil {
		t.Fatal(err)
	}
	skipped := 0
	for _, g := range file.TestGroups {
		x, _ := new(big.Int).SetString(g.PublicKey.Wx, 16)
		y, _ := new(big.Int).SetString(g.PublicKey.Wy, 16)
		key := preparePublic(t, c, x, y)
		for _, tc := range g.Tests {
			v := vector{id: tc.TcID, pub: &key.std.PublicKey, key: key, hash: sum(unhex(t, tc.Msg))}
			sig := unhex(t, tc.Sig)
			var rs struct{ R, S *big.Int }
			switch {
			case strings.Contains(name, "p1363"):
				if len(sig) != 2*c.size {
					skipped++
					continue
				}
				rs.R, rs.S = new(big.Int).SetBytes(sig[:c.size]), new(big.Int).SetBytes(sig[c.size:])
			default:
				rest, err := asn1.Unmarshal(sig, &rs)
				if err != nil || len(rest) > 0 || rs.R.Sign() < 0 || rs.S.Sign() < 0 || rs.R.BitLen() > 8*c.size || rs.S.BitLen() > 8*c.size {
					skipped++
					continue
				}
			}
			v.r, v.s = c.bytes(rs.R), c.bytes(rs.S)
			v.valid = ecdsa.Verify(v.pub, v.hash, rs.R, rs.S)
			all = append(all, v)
		}
	}
	t.Logf("%s: %d vectors, %d left out", name, len(all), skipped)
	return all
}

// TestWycheproof runs every vector in every lane, each time with seven of its neighbours, against
// the standard library's answer, with all kinds of keys.
func TestWycheproof(t *testing.T) {
	everyCurve(t, func(t *testing.T, c testCurve) {
		sha2 := func(b []byte) []byte { h := sha256.Sum256(b); return h[:] }
		sha3 := func(b []byte) []byte { h := sha512.Sum384(b); return h[:] }
		sha5 := func(b []byte) []byte { h := sha512.Sum512(b); return h[:] }
		var all []vector
		if c.size == 32 {
			all = wycheproof(t, c, "ecdsa_secp256r1_sha256_test", sha2)
			all = append(all, wycheproof(t, c, "ecdsa_secp256r1_sha512_test", sha5)...)
			all = append(all, wycheproof(t, c, "ecdsa_secp256r1_sha256_p1363_test", sha2)...)
		} else {
			all = wycheproof(t, c, "ecdsa_secp384r1_sha384_test", sha3)
		}
		w := workspace(t, c.Curve)
		redone := make(map[int]bool)
		step := 1
		if testing.Short() {
			step = MaxBatch // each vector in one lane only
		}
		for i := 0; i < len(all); i += step {
			var b batch
			var want uint8
			for l := range MaxBatch {
				v := all[(i+l)%len(all)]
				b.pubs[l], b.compact[l], b.points[l] = v.key.pub, v.key.compact, v.key.point
				b.hashes[l], b.r[l], b.s[l] = v.hash, v.r, v.s
				if v.valid {
					want |= 1 << l
				}
			}
			for kind, verify := range b.kinds(w) {
				valid, redo := verify(MaxBatch)
				for l := range MaxBatch {
					if redo>>l&1 == 1 {
						redone[all[(i+l)%len(all)].id] = true
					}
				}
				if valid != want&^redo {
					t.Fatalf("%s, vectors from %d on: valid = %08b, want %08b without %08b", kind, all[i].id, valid, want, redo)
				}
			}
			// Alone, the vector has all the lanes.
			valid, redo := w.Verify(&b.pubs, &b.hashes, &b.r, &b.s, 1)
			if valid != want&1&^redo {
				t.Fatalf("alone, vector %d: valid = %b, want %b", all[i].id, valid, want&1)
			}
		}
		t.Log("vectors that other code has to verify:", len(redone))
		if len(redone) > len(all)/20 {
			t.Error("that is too many")
		}
	})
}

// kinds are the ways to verify a batch.
func (b *batch) kinds(w *Workspace) map[string]func(n int) (valid, redo uint8) {
	return map[string]func(n int) (valid, redo uint8){
		"prepared": func(n int) (valid, redo uint8) { return w.Verify(&b.pubs, &b.hashes, &b.r, &b.s, n) },
		"compact":  func(n int) (valid, redo uint8) { return w.Verify(&b.compact, &b.hashes, &b.r, &b.s, n) },
		"mixed": func(n int) (valid, redo uint8) {
			keys := b.pubs
			for l := 0; l < len(keys); l += 3 {
				keys[l] = b.compact[l]
			}
			return w.Verify(&keys, &b.hashes, &b.r, &b.s, n)
		},
		"any": func(n int) (valid, redo uint8) { return w.VerifyAny(&b.points, &b.hashes, &b.r, &b.s, n) },
	}
}
