package multibuffer_test

import (
	"compress/bzip2"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/asn1"
	"encoding/json"
	"fmt"
	"math/big"
	"os"
	"testing"

	"asynccrypto/engine"
)

// acvpHashes are the hashes by the names of ACVP.
var acvpHashes = map[string]crypto.Hash{
	"SHA2-224": crypto.SHA224, "SHA2-256": crypto.SHA256, "SHA2-384": crypto.SHA384, "SHA2-512": crypto.SHA512,
	"SHA2-512/224": crypto.SHA512_224, "SHA2-512/256": crypto.SHA512_256,
	"SHA3-224": crypto.SHA3_224, "SHA3-256": crypto.SHA3_256, "SHA3-384": crypto.SHA3_384, "SHA3-512": crypto.SHA3_512,
}

// acvpTest is a test of NIST's: the questions have some of the fields, and the answers the others.
type acvpTest struct {
	TcID                                int
	Message, Signature, Q, Qx, Qy, R, S string
	TestPassed                          bool
}

type acvpSet struct {
	Mode       string
	TestGroups []struct {
		Curve, HashAlg, SigType, N, E, Qx, Qy string
		SaltLen                               int
		PreHash                               bool
		Tests                                 []acvpTest
	}
}

func readACVP(t testing.TB, name string) (sets []acvpSet) {
	f, err := os.Open("testdata/acvp/" + name + ".bz2")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := json.NewDecoder(bzip2.NewReader(f)).Decode(&sets); err != nil {
		t.Fatal(err)
	}
	return sets
}

// acvp returns the signatures of NIST's servers: those to verify, with NIST's verdict, and those
// of deterministic ECDSA, which are valid.
func acvp(t testing.TB) (all []vector) {
	number := func(hex string) *big.Int { return new(big.Int).SetBytes(unhex(t, hex)) }
	for _, name := range []string{"RSA", "ECDSA", "DetECDSA", "EDDSA"} {
		answers := readACVP(t, "expected/"+name)
		for i, set := range readACVP(t, "vectors/"+name) {
			if set.Mode != "sigVer" && set.Mode != "sigGen" {
				continue // about the session, or keys alone
			}
			for j, g := range set.TestGroups {
				for k, test := range g.Tests {
					answer := answers[i].TestGroups[j].Tests[k]
					if answer.TcID != test.TcID {
						t.Fatalf("%s: the answer %d is for %d", name, test.TcID, answer.TcID)
					}
					valid := answer.TestPassed
					if set.Mode == "sigGen" {
						h := answers[i].TestGroups[j]
						test.Qx, test.Qy, test.R, test.S, valid = h.Qx, h.Qy, answer.R, answer.S, true
					}
					add := func(form string, key crypto.PublicKey, hash crypto.Hash, sig []byte, opts crypto.SignerOpts) {
						digest := unhex(t, test.Message)
						if hash != 0 {
							h := hash.New()
							h.Write(digest)
							digest = h.Sum(nil)
						}
						all = append(all, vector{fmt.Sprintf("ACVP %s %d %s", name, test.TcID, form), signed{key, digest, sig, opts}, valid})
					}
					hash := acvpHashes[g.HashAlg]
					switch {
					case name == "EDDSA" && g.PreHash:
						add("ph", ed25519.PublicKey(unhex(t, test.Q)), crypto.SHA512, unhex(t, test.Signature), crypto.SHA512)
					case name == "EDDSA":
						add("", ed25519.PublicKey(unhex(t, test.Q)), 0, unhex(t, test.Signature), crypto.Hash(0))
					case name == "RSA":
						key := &rsa.PublicKey{N: number(g.N), E: int(number(g.E).Int64())}
						var opts crypto.SignerOpts = hash
						if g.SigType == "pss" {
							opts = &rsa.PSSOptions{Hash: hash, SaltLength: g.SaltLen}
						}
						add(g.SigType, key, hash, unhex(t, test.Signature), opts)
					default:
						curve := map[string]elliptic.Curve{
							"P-224": elliptic.P224(), "P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521(),
						}[g.Curve]
						//lint:ignore SA1019 a key that is not valid has to get here
						key := &ecdsa.PublicKey{Curve: curve, X: number(test.Qx), Y: number(test.Qy)}
						r, s := number(test.R), number(test.S)
						der, err := asn1.Marshal(struct{ R, S *big.Int }{r, s})
						if err != nil {
							t.Fatal(err)
						}
						add(g.Curve, key, hash, der, hash)
						size := (curve.Params().BitSize + 7) / 8
						if r.BitLen() > 8*size || s.BitLen() > 8*size {
							continue
						}
						raw := make([]byte, 2*size)
						r.FillBytes(raw[:size])
						s.FillBytes(raw[size:])
						add(g.Curve+" raw", key, hash, raw, &engine.ECDSAOptions{Hash: hash, Raw: true})
					}
				}
			}
		}
	}
	if len(all) < 200 {
		t.Fatalf("only %d signatures of NIST's", len(all))
	}
	return all
}
