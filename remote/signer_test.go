package remote_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"asynccrypto/engine"
	"asynccrypto/remote"
	"asynccrypto/remote/internal/pool"
	"asynccrypto/remote/internal/testkeys"
	"asynccrypto/remote/internal/wire"
)

// recorder notes the requests to a node.
type recorder struct {
	mu    sync.Mutex
	asked []wire.Request
}

func (r *recorder) wrap(dial pool.Dial) pool.Dial {
	return func(ctx context.Context, node, addr string, h pool.Handler) (pool.Conn, error) {
		c, err := dial(ctx, node, addr, h)
		return recorded{c, r}, err
	}
}

// signatures returns the requests for signatures, and forgets them.
func (r *recorder) signatures() []wire.Request {
	r.mu.Lock()
	defer r.mu.Unlock()
	asked := slices.DeleteFunc(r.asked, func(q wire.Request) bool { return q.Op != wire.OpSign })
	r.asked = nil
	return asked
}

type recorded struct {
	pool.Conn
	r *recorder
}

func (c recorded) Send(qs []*wire.Request) error {
	c.r.mu.Lock()
	for _, q := range qs {
		d := *q
		d.Data = bytes.Clone(q.Data)
		c.r.asked = append(c.r.asked, d)
	}
	c.r.mu.Unlock()
	return c.Conn.Send(qs)
}

// Every kind of signature, by Sign and by SignMessage, with every option. The node is sent the
// message whole where it can be.
func TestSignatures(t *testing.T) {
	message := []byte("a message to be signed")
	long := bytes.Repeat([]byte("long "), 4000) // 20 kB
	d1, d2 := sha256.Sum256(message), sha512.Sum512(message)
	for _, tt := range []struct {
		key     string
		opts    crypto.SignerOpts
		digest  []byte // for Sign; nil: not tried
		message bool   // SignMessage is tried
		asked   string // of SignMessage
	}{
		{key: "rsa", opts: crypto.SHA256, digest: d1[:], message: true, asked: "sha256 pkcs1 message"},
		{key: "rsa", opts: crypto.SHA512, digest: d2[:], message: true, asked: "sha512 pkcs1 message"},
		{key: "rsa", opts: crypto.Hash(0), digest: []byte("padded as it is"), message: true, asked: "nohash pkcs1 digest"},
		{key: "rsa", opts: &rsa.PSSOptions{Hash: crypto.SHA256, SaltLength: rsa.PSSSaltLengthEqualsHash}, digest: d1[:], message: true, asked: "sha256 pss message"},
		{key: "rsa", opts: &rsa.PSSOptions{Hash: crypto.SHA512}, digest: d2[:], message: true, asked: "sha512 pss message"},
		{key: "rsa", opts: &rsa.PSSOptions{Hash: crypto.SHA256, SaltLength: 20}, digest: d1[:], message: true, asked: "sha256 pss message"},
		{key: "ecdsa", opts: crypto.SHA256, digest: d1[:], message: true, asked: "sha256 none message"},
		{key: "ecdsa", opts: crypto.SHA512, digest: d2[:], message: true, asked: "sha512 none message"},
		{key: "ecdsa", opts: nil, digest: d1[:]},
		{key: "ecdsa", opts: crypto.Hash(0), digest: d2[:]},
		{key: "ecdsa", opts: &engine.ECDSAOptions{Hash: crypto.SHA256}, digest: d1[:], message: true, asked: "sha256 none message"},
		{key: "ecdsa", opts: &engine.ECDSAOptions{Hash: crypto.SHA256, Raw: true}, digest: d1[:], message: true, asked: "sha256 none message"},
		{key: "ed25519", opts: crypto.Hash(0), digest: message, message: true, asked: "nohash none message"},
		{key: "ed25519", opts: &ed25519.Options{Context: "context"}, digest: message, message: true, asked: "nohash none message"},
		{key: "ed25519", opts: crypto.SHA512, digest: d2[:], message: true, asked: "sha512 none message"},
		{key: "ed25519", opts: &ed25519.Options{Hash: crypto.SHA512, Context: "context"}, digest: d2[:], message: true, asked: "sha512 none message"},
	} {
		t.Run(fmt.Sprintf("%s %T %v", tt.key, tt.opts, tt.opts), func(t *testing.T) {
			inBubble(t, []string{"a"}, func(t *testing.T, f *fleet) {
				f.nodes["a"].kill()
				f.nodes["a"].allow += "allow uid:7 sign:nohash rsa\n"
				f.nodes["a"].start(t)
				var r recorder
				e := newEngine(t, remote.Config{Nodes: []string{"a"}, Timeout: 10 * time.Second, Logger: slog.New(slog.DiscardHandler)}, r.wrap(f.dial))
				s := signerOf(t, e, tt.key).WithContext(t.Context()).(remote.Signer)
				check := func(sig []byte, err error, digest []byte) {
					t.Helper()
					if err != nil {
						t.Error(err)
						return
					}
					opts := tt.opts
					if opts == nil {
						opts = crypto.SHA256
					}
					op := engine.VerifyOp{Key: s.Public(), Digest: digest, Signature: sig, Opts: opts}
					if err := op.Run(); err != nil {
						t.Error(err)
					}
				}
				sig, err := s.Sign(rand.Reader, tt.digest, tt.opts)
				check(sig, err, tt.digest)
				if !tt.message {
					return
				}
				r.signatures()
				for _, m := range [][]byte{message, long} {
					if len(m) > len(message) && tt.opts.HashFunc() == 0 && tt.key == "rsa" {
						continue // too long to be padded
					}
					sig, err := s.SignMessage(rand.Reader, m, tt.opts)
					digest := m
					if h := tt.opts.HashFunc(); h != 0 {
						w := h.New()
						w.Write(m)
						digest = w.Sum(nil)
					}
					check(sig, err, digest)
					asked := r.signatures()
					got := fmt.Sprint(asked[0].Hash, " ", asked[0].Padding, " digest")
					if asked[0].Message {
						got = fmt.Sprint(asked[0].Hash, " ", asked[0].Padding, " message")
					}
					want := tt.asked
					if len(m) > len(message) && tt.opts.HashFunc() != 0 {
						want = strings.Replace(want, "message", "digest", 1)
					}
					if len(asked) != 1 || got != want {
						t.Errorf("%d bytes: asked %q, want %q", len(m), got, want)
					}
				}
			})
		})
	}
}

// Input and options that do not fit the key are refused here, before a node is asked.
func TestRefusedHere(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, f *fleet) {
		f.nodes["a"] = &node{} // away
		e := f.engine(t)
		small, err := rsa.GenerateKey(rand.Reader, 1024)
		if err != nil {
			t.Fatal(err)
		}
		for _, tt := range []struct {
			key     crypto.PublicKey
			input   []byte
			opts    crypto.SignerOpts
			message bool
			want    string
		}{
			{key: rsaKey.Public(), input: digest[:], want: "options are nil"},
			{key: rsaKey.Public(), input: digest[:31], opts: crypto.SHA256, want: "31 bytes"},
			{key: rsaKey.Public(), input: digest[:], opts: crypto.SHA384, want: "32 bytes"},
			{key: rsaKey.Public(), input: digest[:], opts: (*rsa.PSSOptions)(nil), want: "nil"},
			{key: rsaKey.Public(), input: digest[:], opts: &rsa.PSSOptions{}, want: "no hash"},
			{key: rsaKey.Public(), input: digest[:], opts: &rsa.PSSOptions{Hash: crypto.SHA256, SaltLength: 223}, want: "salt of 223"},
			{key: rsaKey.Public(), input: digest[:], opts: &rsa.PSSOptions{Hash: crypto.SHA256, SaltLength: -3}, want: "salt of -3"},
			{key: small.Public(), input: make([]byte, 64), opts: &rsa.PSSOptions{Hash: crypto.SHA512, SaltLength: rsa.PSSSaltLengthEqualsHash}, want: "salt of 64"},
			{key: rsaKey.Public(), input: digest[:], opts: &engine.ECDSAOptions{}, want: "do not fit"},
			{key: rsaKey.Public(), input: digest[:], opts: &ed25519.Options{}, want: "do not fit"},
			{key: rsaKey.Public(), input: digest[:], opts: crypto.BLAKE2b_256, want: "do not know the hash"},
			{key: rsaKey.Public(), input: digest[:], opts: crypto.BLAKE2b_256, message: true, want: "do not know the hash"},
			{key: rsaKey.Public(), input: digest[:], opts: crypto.MD5SHA1, message: true, want: "not available"},
			{key: ecdsaKey.Public(), input: digest[:], opts: &rsa.PSSOptions{Hash: crypto.SHA256}, want: "do not fit"},
			{key: ecdsaKey.Public(), input: digest[:], opts: (*engine.ECDSAOptions)(nil), want: "nil"},
			{key: ecdsaKey.Public(), input: digest[:30], want: "no hash"},
			{key: ecdsaKey.Public(), input: digest[:], message: true, want: "no hash"},
			{key: ed25519Key.Public(), input: digest[:], want: "options are nil"},
			{key: ed25519Key.Public(), input: digest[:], opts: (*ed25519.Options)(nil), want: "nil"},
			{key: ed25519Key.Public(), input: digest[:], opts: crypto.SHA256, want: "SHA-256"},
			{key: ed25519Key.Public(), input: digest[:], opts: crypto.SHA512, want: "32 bytes"},
			{key: ed25519Key.Public(), input: digest[:], opts: &ed25519.Options{Context: strings.Repeat("x", 256)}, want: "256 bytes"},
			{key: ed25519Key.Public(), input: make([]byte, 65537), opts: crypto.Hash(0), want: "65537 bytes"},
		} {
			s, err := e.SignerFor(tt.key)
			if err != nil {
				t.Fatal(err)
			}
			call := s.Sign
			if tt.message {
				call = s.SignMessage
			}
			_, err = call(rand.Reader, tt.input, tt.opts)
			contains(t, err, tt.want)
			if errors.Is(err, engine.ErrUnavailable) {
				t.Errorf("%v is not the caller's fault", err)
			}
		}
		for _, pub := range []crypto.PublicKey{nil, (*rsa.PublicKey)(nil), "key", &ecdsa.PublicKey{Curve: elliptic.P256()}} {
			if _, err := e.SignerFor(pub); err == nil {
				t.Errorf("a key of type %T was taken", pub)
			}
		}
	})
}

// The errors of nodes.
func TestErrors(t *testing.T) {
	inBubble(t, []string{"a"}, func(t *testing.T, f *fleet) {
		n := f.nodes["a"]
		n.kill()
		n.allow = "allow uid:7 sign:sha512 ecdsa\n"
		n.start(t)
		e := f.engine(t)
		err := sign(signerOf(t, e, "ecdsa"))
		if !errors.Is(err, remote.ErrDenied) || errors.Is(err, engine.ErrUnavailable) {
			t.Error(err)
		}
		contains(t, err, "allow")
		other := testkeys.Must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
		s, err := e.SignerFor(other.Public())
		if err != nil {
			t.Fatal(err)
		}
		err = sign(s)
		if !errors.Is(err, remote.ErrNoKey) || !errors.Is(err, engine.ErrUnavailable) {
			t.Error(err)
		}
		contains(t, err, "no such key")
		for _, name := range []string{"nobody", "rsa"} { // the client may not use rsa
			_, err := e.Signer(t.Context(), name)
			if !errors.Is(err, remote.ErrNoKey) || !errors.Is(err, engine.ErrUnavailable) {
				t.Error(err)
			}
			contains(t, err, "or this client may not use it (key \""+name+"\")")
		}
		for _, name := range []string{"", "\xff", strings.Repeat("x", 256)} { // no node could be asked for these
			_, err := e.Signer(t.Context(), name)
			contains(t, err, "name")
		}
		st := e.Stats()
		if st.Denied != 1 || st.NoKey != 3 || st.Requests != 4 {
			t.Errorf("%+v", st)
		}
	})
}

// A signer stays bound to its engine, and its key is closed by Close.
func TestSigner(t *testing.T) {
	inBubble(t, []string{"a"}, func(t *testing.T, f *fleet) {
		e := f.engine(t)
		s, err := e.Signer(t.Context(), "ecdsa")
		if err != nil {
			t.Fatal(err)
		}
		if !ecdsaKey.PublicKey.Equal(s.Public()) {
			t.Error("another key")
		}
		if _, ok := s.WithContext(t.Context()).(remote.Signer); !ok {
			t.Error("a bound signer is no remote.Signer")
		}
		if _, err := e.Engine().Signer(s); err == nil {
			t.Error("the signer was wrapped again")
		}
		// An operation of another kind runs on the engine's worker, and cannot wait for it.
		err = e.Engine().Do(t.Context(), engine.Func(func() error { return sign(s) }))
		contains(t, err, "operation of the engine's own")
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if err := sign(s); !errors.Is(err, engine.ErrClosed) {
			t.Error(err)
		}
		if err := sign(signerOf(t, e, "ecdsa")); err != nil {
			t.Error(err)
		}
		if k := e.Stats().Keys; len(k) != 1 || k[0].Name != "ecdsa" || k[0].Signed != 1 || k[0].Verified != 1 {
			t.Errorf("%+v", k)
		}
	})
}

// The keys of all nodes, more than fit into an answer.
func TestKeys(t *testing.T) {
	inBubble(t, []string{"a", "b", "c"}, func(t *testing.T, f *fleet) {
		for addr, n := range f.nodes {
			n.kill()
			if addr == "c" {
				continue
			}
			n.keys, n.allow = testkeys.All(), "allow uid:7 sign:sha256 ecdsa\nallow uid:7 sign ed25519\n"
			if addr == "a" {
				for i := range 5000 {
					name := fmt.Sprintf("key %04d", i)
					n.keys[name] = ed25519.NewKeyFromSeed([]byte(fmt.Sprintf("%032d", i)))
					n.allow += fmt.Sprintf("allow uid:7 sign %q\n", name)
				}
			}
			n.start(t)
		}
		e := f.engine(t)
		time.Sleep(time.Second)
		keys, err := e.Keys(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(keys) != 5002 {
			t.Fatalf("%d keys", len(keys))
		}
		k := keys[0]
		slices.Sort(k.Nodes)
		if k.Name != "ecdsa" || !ecdsaKey.PublicKey.Equal(k.Public) || !slices.Equal(k.Rules, []string{"sign:sha256"}) || !slices.Equal(k.Nodes, []string{"a", "b"}) {
			t.Errorf("%+v", k)
		}
		if k := keys[5001]; k.Name != "key 4999" || k.Public == nil || !slices.Equal(k.Nodes, []string{"a"}) {
			t.Errorf("%+v", k)
		}
		// A node that has stopped costs no more than its watch.
		f.nodes["b"].stop()
		began := time.Now()
		if keys, err := e.Keys(t.Context()); err != nil || len(keys) != 5002 || time.Since(began) > time.Second {
			t.Errorf("after %v: %d keys, %v", time.Since(began), len(keys), err)
		}
		f.nodes["b"].goOn()
	})
}

// More operations than fit wait in line, and all end.
func TestDepth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, "a")
		e := f.engine(t, func(c *remote.Config) { c.Depth = 4 })
		s := signerOf(t, e, "ed25519")
		var wg sync.WaitGroup
		f.nodes["a"].stop()
		for range 50 {
			wg.Go(func() {
				if _, err := s.Sign(nil, digest[:], crypto.Hash(0)); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		if st := e.Engine().Stats(); st.InFlight != 4 || st.Waiting != 46 {
			t.Errorf("%+v", st)
		}
		f.nodes["a"].goOn()
		wg.Wait()
	})
}
