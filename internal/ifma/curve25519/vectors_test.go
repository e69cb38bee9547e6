package curve25519

import (
	"bytes"
	"compress/gzip"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"

	"asynccrypto/internal/ifma"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func readVectors(t testing.TB, name string, to any) {
	t.Helper()
	f, err := os.Open("testdata/" + name + ".json.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.NewDecoder(z).Decode(to); err != nil {
		t.Fatal(err)
	}
}

// signature is a vector for Ed25519.
type signature struct {
	id                int
	key, message, sig []byte
	valid             bool
}

func wycheproofSignatures(t testing.TB) (all []signature) {
	var file struct {
		TestGroups []struct {
			PublicKey struct{ PK string }
			Tests     []struct {
				TcID             int
				Msg, Sig, Result string
			}
		}
	}
	readVectors(t, "ed25519_test", &file)
	for _, g := range file.TestGroups {
		for _, v := range g.Tests {
			all = append(all, signature{v.TcID, unhex(t, g.PublicKey.PK), unhex(t, v.Msg), unhex(t, v.Sig), v.Result == "valid"})
		}
	}
	return all
}

// stride is how many vectors a test goes on from batch to batch: with the kernels each comes to
// each lane.
func stride() int {
	if ifma.AllowReference {
		return 23
	}
	return 1
}

// testSignatures verifies each of the signatures in each lane, beside the seven that follow it.
func testSignatures(t *testing.T, all []signature) {
	everyImpl(t, func(t *testing.T) {
		w := workspace(t)
		prepared := make(map[string][2]*PublicKey)
		for _, v := range all {
			if _, ok := prepared[string(v.key)]; ok {
				continue
			}
			full, err := NewPublicKey(v.key, false)
			compact, err2 := NewPublicKey(v.key, true)
			if (err == nil) != (err2 == nil) {
				t.Fatalf("%x: %v, but %v", v.key, err, err2)
			}
			prepared[string(v.key)] = [2]*PublicKey{full, compact}
		}
		for i := 0; i < len(all); i += stride() {
			var full, compact [MaxBatch]*PublicKey
			var pubs, dom, messages, sigs [MaxBatch][]byte
			var want uint8
			var ids [MaxBatch]int
			for l := range full {
				v := all[(i+l)%len(all)]
				full[l], compact[l] = prepared[string(v.key)][0], prepared[string(v.key)][1]
				if l%3 == 1 {
					compact[l] = full[l]
				}
				pubs[l], messages[l], sigs[l], ids[l] = v.key, v.message, v.sig, v.id
				if v.valid {
					want |= 1 << l
				}
			}
			if valid := w.Verify(&full, &dom, &messages, &sigs, MaxBatch); valid != want {
				t.Errorf("%v: %08b, want %08b", ids, valid, want)
			}
			if valid := w.Verify(&compact, &dom, &messages, &sigs, MaxBatch); valid != want {
				t.Errorf("%v, compact and not: %08b, want %08b", ids, valid, want)
			}
			if valid := w.VerifyAny(&pubs, &dom, &messages, &sigs, MaxBatch); valid != want {
				t.Errorf("%v, not prepared: %08b, want %08b", ids, valid, want)
			}
		}
	})
}

func TestWycheproofEd25519(t *testing.T) {
	all := wycheproofSignatures(t)
	for _, v := range all {
		if got := ed25519.Verify(v.key, v.message, v.sig); got != v.valid {
			t.Errorf("%d: the standard library says %v", v.id, got)
		}
	}
	testSignatures(t, all)
}

// TestEd25519Vectors has vectors about points whose order is not that of the base point, and about
// encodings. They have no right answer: the standard library's counts.
func TestEd25519Vectors(t *testing.T) {
	var file []struct{ A, R, S, M string }
	readVectors(t, "ed25519vectors", &file)
	var all []signature
	valid := 0
	for i, v := range file {
		s := signature{id: i, key: unhex(t, v.A), message: []byte(v.M), sig: append(unhex(t, v.R), unhex(t, v.S)...)}
		if s.valid = ed25519.Verify(s.key, s.message, s.sig); s.valid {
			valid++
		}
		all = append(all, s)
	}
	t.Logf("%d of %d are valid", valid, len(all))
	testSignatures(t, all)
}

// agreement is a vector for X25519.
type agreement struct {
	id                    int
	private, public, want []byte
}

func testAgreements(t *testing.T, all []agreement) {
	everyImpl(t, func(t *testing.T) {
		w := workspace(t)
		for i := 0; i < len(all); i += stride() {
			var out, scalars, points [MaxBatch][]byte
			var want uint8
			for l := range out {
				v := all[(i+l)%len(all)]
				out[l], scalars[l], points[l] = make([]byte, ScalarSize), v.private, v.public
				if !bytes.Equal(v.want, make([]byte, ScalarSize)) {
					want |= 1 << l
				}
			}
			if nonzero := w.X25519(&out, &scalars, &points, MaxBatch); nonzero != want {
				t.Errorf("nonzero = %08b, want %08b", nonzero, want)
			}
			for l := range out {
				if v := all[(i+l)%len(all)]; !bytes.Equal(out[l], v.want) {
					t.Errorf("%d in lane %d: %x, want %x", v.id, l, out[l], v.want)
				}
			}
		}
	})
}

func TestWycheproofX25519(t *testing.T) {
	var file struct {
		TestGroups []struct {
			Tests []struct {
				TcID                    int
				Public, Private, Shared string
			}
		}
	}
	readVectors(t, "x25519_test", &file)
	var all []agreement
	for _, g := range file.TestGroups {
		for _, v := range g.Tests {
			all = append(all, agreement{v.TcID, unhex(t, v.Private), unhex(t, v.Public), unhex(t, v.Shared)})
		}
	}
	testAgreements(t, all)
}

// TestRFC8032 has the vectors of sections 7.1 to 7.3. The message of TEST 1024 is in Wycheproof's
// file.
func TestRFC8032(t *testing.T) {
	var long []byte
	for _, v := range wycheproofSignatures(t) {
		if len(v.message) == 1023 {
			long = v.message
		}
	}
	abc := sha512.Sum512([]byte("abc"))
	dom2 := func(flag byte, context string) string {
		return "SigEd25519 no Ed25519 collisions" + string([]byte{flag, byte(len(context))}) + context
	}
	vectors := []struct{ name, seed, public, dom, message, sig string }{
		{
			"1", "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
			"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "", "",
			"e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
		},
		{
			"2", "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
			"3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "", "\x72",
			"92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
		},
		{
			"3", "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
			"fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "", "\xaf\x82",
			"6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
		},
		{
			"1024", "f5e5767cf153319517630f226876b86c8160cc583bc013744c6bf255f5cc0ee5",
			"278117fc144c72340f67d0f2316e8386ceffbf2b2428c9c51fef7c597f1d426e", "", string(long),
			"0aab4c900501b3e24d7cdf4663326a3a87df5e4843b2cbdb67cbf6e460fec350aa5371b1508f9f4528ecea23c436d94b5e8fcd4f681e30a6ac00a9704a188a03",
		},
		{
			"SHA(abc)", "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
			"ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf", "", string(abc[:]),
			"dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704",
		},
		{
			"foo", "0305334e381af78f141cb666f6199f57bc3495335a256a95bd2a55bf546663f6",
			"dfc9425e4f968f7f0c29f0259cf5f9aed6851c2bb4ad8bfb860cfee0ab248292", dom2(0, "foo"), string(unhex(t, "f726936d19c800494e3fdaff20b276a8")),
			"55a4cc2f70a54e04288c5f4cd1e45a7bb520b36292911876cada7323198dd87a8b36950b95130022907a7fb7c4e9b2d5f6cca685a587b4b21f4b888e4e7edb0d",
		},
		{
			"bar", "0305334e381af78f141cb666f6199f57bc3495335a256a95bd2a55bf546663f6",
			"dfc9425e4f968f7f0c29f0259cf5f9aed6851c2bb4ad8bfb860cfee0ab248292", dom2(0, "bar"), string(unhex(t, "f726936d19c800494e3fdaff20b276a8")),
			"fc60d5872fc46b3aa69f8b5b4351d5808f92bcc044606db097abab6dbcb1aee3216c48e8b3b66431b5b186d1d28f8ee15a5ca2df6668346291c2043d4eb3e90d",
		},
		{
			"foo2", "0305334e381af78f141cb666f6199f57bc3495335a256a95bd2a55bf546663f6",
			"dfc9425e4f968f7f0c29f0259cf5f9aed6851c2bb4ad8bfb860cfee0ab248292", dom2(0, "foo"), string(unhex(t, "508e9e6882b979fea900f62adceaca35")),
			"8b70c1cc8310e1de20ac53ce28ae6e7207f33c3295e03bb5c0732a1d20dc64908922a8b052cf99b7c4fe107a5abb5b2c4085ae75890d02df26269d8945f84b0b",
		},
		{
			"foo3", "ab9c2853ce297ddab85c993b3ae14bcad39b2c682beabc27d6d4eb20711d6560",
			"0f1d1274943b91415889152e893d80e93275a1fc0b65fd71b4b0dda10ad7d772", dom2(0, "foo"), string(unhex(t, "f726936d19c800494e3fdaff20b276a8")),
			"21655b5f1aa965996b3f97b3c849eafba922a0a62992f73b3d1b73106a84ad85e9b86a7b6005ea868337ff2d20a7f5fbd4cd10b0be49a68da2b2e0dc0ad8960f",
		},
		{
			"abc", "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
			"ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf", dom2(1, ""), string(abc[:]),
			"98a70222f0b8121aa9d30f813d683f809e462b469c7ff87639499bb94e6dae4131f85042463c2a355a2003d062adf5aaa10b8c61e636062aaad11c2a26083406",
		},
	}
	everyImpl(t, func(t *testing.T) {
		w := workspace(t)
		var keys []*PrivateKey
		for _, v := range vectors {
			k, err := NewPrivateKey(unhex(t, v.seed), nil, true)
			if err != nil {
				t.Fatal(err)
			}
			if public := k.Public().Bytes(); !bytes.Equal(public, unhex(t, v.public)) {
				t.Errorf("%s: public key %x", v.name, public)
			}
			keys = append(keys, k)
		}
		for i := range vectors {
			var batch [MaxBatch]*PrivateKey
			var public [MaxBatch]*PublicKey
			var dom, messages, sigs [MaxBatch][]byte
			for l := range batch {
				v := vectors[(i+l)%len(vectors)]
				batch[l], dom[l], messages[l], sigs[l] = keys[(i+l)%len(vectors)], []byte(v.dom), []byte(v.message), make([]byte, SignatureSize)
				public[l] = batch[l].Public()
			}
			if ok := w.Sign(&batch, &dom, &messages, &sigs, MaxBatch); ok != 0xff {
				t.Fatalf("ok = %08b", ok)
			}
			for l := range sigs {
				if v := vectors[(i+l)%len(vectors)]; !bytes.Equal(sigs[l], unhex(t, v.sig)) {
					t.Errorf("%s in lane %d: %x", v.name, l, sigs[l])
				}
			}
			if valid := w.Verify(&public, &dom, &messages, &sigs, MaxBatch); valid != 0xff {
				t.Errorf("valid = %08b", valid)
			}
		}
	})
}

// TestRFC7748 has the vectors of sections 5.2 and 6.1.
func TestRFC7748(t *testing.T) {
	const (
		alice       = "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a"
		alicePublic = "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"
		bob         = "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb"
		bobPublic   = "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"
		shared      = "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"
		nine        = "0900000000000000000000000000000000000000000000000000000000000000"
	)
	var all []agreement
	for i, v := range [][3]string{
		{
			"a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
			"e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
			"c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552",
		},
		{
			"4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
			"e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
			"95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957",
		},
		{nine, nine, "422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079"},
		{alice, nine, alicePublic},
		{bob, nine, bobPublic},
		{alice, bobPublic, shared},
		{bob, alicePublic, shared},
	} {
		all = append(all, agreement{i, unhex(t, v[0]), unhex(t, v[1]), unhex(t, v[2])})
	}
	testAgreements(t, all)
}

// TestIterated is the iterated test of RFC 7748, section 5.2, in a lane between others.
func TestIterated(t *testing.T) {
	everyImpl(t, func(t *testing.T) {
		w := workspace(t)
		n, want := 1000, "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51"
		if ifma.AllowReference {
			n, want = 1, "422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079"
		}
		var out, k, u [MaxBatch][]byte
		for l := range out {
			out[l], k[l], u[l] = make([]byte, ScalarSize), make([]byte, ScalarSize), make([]byte, ScalarSize)
			k[l][0], u[l][0] = 9, 9
		}
		r := newRand(5)
		for range n {
			for l := range out {
				if l != 5 {
					k[l] = randomBytes(r, ScalarSize)
				}
			}
			w.X25519(&out, &k, &u, MaxBatch)
			out, k, u = u, out, k
		}
		if !bytes.Equal(k[5], unhex(t, want)) {
			t.Errorf("after %d iterations: %x", n, k[5])
		}
	})
}

// smallOrder are all encodings of u that crypto/ecdh refuses, those above p among them: the
// points of the curve and its twist whose order divides 8, from the paper "May the Fourth Be With
// You" of Genkin, Valenta and Yarom.
var smallOrder = []string{
	"0000000000000000000000000000000000000000000000000000000000000000",
	"0100000000000000000000000000000000000000000000000000000000000000",
	"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
	"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
}

func TestSmallOrder(t *testing.T) {
	r := newRand(6)
	var all []agreement
	add := func(public []byte, small bool) {
		private := randomBytes(r, ScalarSize)
		key, err := ecdh.X25519().NewPrivateKey(private)
		if err != nil {
			t.Fatal(err)
		}
		point, err := ecdh.X25519().NewPublicKey(public)
		if err != nil {
			t.Fatal(err)
		}
		want, err := key.ECDH(point)
		if (err != nil) != small {
			t.Fatalf("%x: the standard library says %v", public, err)
		}
		if small {
			want = make([]byte, ScalarSize)
		}
		all = append(all, agreement{len(all), private, public, want})
	}
	for _, s := range smallOrder {
		b := unhex(t, s)
		add(b, true)
		add(randomBytes(r, ScalarSize), false)
		b = bytes.Clone(b)
		b[31] |= 128
		add(b, true)
	}
	// Numbers from p to 2^255-1 stand for 0 to 18; the two smallest are of a small order.
	for x := byte(0xef); x != 0; x++ {
		b := bytes.Repeat([]byte{0xff}, ScalarSize)
		b[0], b[31] = x, 0x7f
		add(b, false)
	}
	testAgreements(t, all)
}

// torsion are all encodings of the eight points whose order divides 8, those with y not below p and
// with x = 0 and the sign set among them.
func torsion() (all [][]byte) {
	for _, s := range []string{
		"0100000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000080",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0000000000000000000000000000000000000000000000000000000000000080",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
	} {
		b, err := hex.DecodeString(s)
		if err != nil {
			panic(err)
		}
		all = append(all, b)
	}
	return all
}

// TestSmallOrderKeys has keys and Rs of small orders. The standard library says what is valid.
func TestSmallOrderKeys(t *testing.T) {
	var all []signature
	points := torsion()
	for i, key := range points {
		for j, r := range points {
			for _, s := range []byte{0, 1} {
				sig := make([]byte, SignatureSize)
				copy(sig, r)
				sig[32] = s
				message := []byte{byte(i), byte(j), s}
				all = append(all, signature{len(all), key, message, sig, ed25519.Verify(key, message, sig)})
			}
		}
	}
	valid := 0
	for _, v := range all {
		if v.valid {
			valid++
		}
	}
	if valid == 0 {
		t.Error("no signature is valid")
	}
	t.Logf("%d of %d are valid", valid, len(all))
	testSignatures(t, all)
}
