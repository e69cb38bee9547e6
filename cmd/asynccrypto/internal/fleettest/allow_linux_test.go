package fleettest

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"os/user"
	"slices"
	"strings"
	"testing"

	"asynccrypto/remote"
)

// hashes are those that a line can name, by their words.
var hashes = map[string]crypto.Hash{
	"md5sha1": crypto.MD5SHA1, "sha1": crypto.SHA1, "sha224": crypto.SHA224, "sha256": crypto.SHA256, "sha384": crypto.SHA384,
	"sha512": crypto.SHA512, "sha512-256": crypto.SHA512_256,
	"sha3-256": crypto.SHA3_256, "sha3-384": crypto.SHA3_384, "sha3-512": crypto.SHA3_512,
}

// use is a way to use a key.
type use struct {
	key     string
	words   []string // of the allow file that fit it
	input   []byte
	message bool
	opts    crypto.SignerOpts
}

func (u *use) String() string { return u.key + " " + strings.Join(u.words, ",") }

// do asks for the signature.
func (u *use) do(s remote.Signer) error {
	sign := s.Sign
	if u.message {
		sign = s.SignMessage
	}
	_, err := sign(rand.Reader, u.input, u.opts)
	return err
}

// uses returns every use of the test keys that a line can tell from others.
func uses() (all []*use) {
	digest := func(h crypto.Hash) []byte { return make([]byte, h.Size()) }
	pss := func(h crypto.Hash) *rsa.PSSOptions {
		return &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: h}
	}
	for word, h := range hashes {
		all = append(all, &use{"rsa", []string{word, "pkcs1"}, digest(h), false, h})
		if h != crypto.MD5SHA1 { // PSS has no such hash
			all = append(all, &use{"rsa", []string{word, "pss"}, digest(h), false, pss(h)})
		}
	}
	for _, side := range []string{"server", "client"} {
		message := slices.Concat([]byte(strings.Repeat(" ", 64)+"TLS 1.3, "+side+" CertificateVerify\x00"), digest(crypto.SHA256))
		all = append(all, &use{"rsa", []string{"sha256", "pss", "tls13-" + side}, message, true, pss(crypto.SHA256)},
			&use{"ec", []string{"sha256", "tls13-" + side}, message, true, crypto.SHA256},
			&use{"ed", []string{"tls13-" + side}, message, true, crypto.Hash(0)})
	}
	return append(all,
		&use{"rsa", []string{"nohash", "pkcs1"}, digest(crypto.SHA256), false, crypto.Hash(0)},
		&use{"rsa", []string{"sha256", "pkcs1"}, []byte("a message"), true, crypto.SHA256},
		&use{"ec", []string{"sha256"}, digest(crypto.SHA256), false, crypto.SHA256},
		&use{"ec", []string{"sha384"}, digest(crypto.SHA384), false, crypto.SHA384},
		&use{"ed", nil, []byte("a message"), false, crypto.Hash(0)})
}

// line is a line of the allow file.
type line struct {
	peer  string
	words []string
	names []string
}

func (l *line) String() string {
	operation := "sign"
	if len(l.words) > 0 {
		operation += ":" + strings.Join(l.words, ",")
	}
	return fmt.Sprintf("allow %s %s %s\n", l.peer, operation, strings.Join(l.names, " "))
}

// allows reports whether the line allows a use: of every row that the line has a word of, the use has
// one of the words.
func (l *line) allows(u *use) bool {
	if !slices.Contains(l.names, u.key) || slices.Contains(u.words, "nohash") && !slices.Contains(l.words, "nohash") {
		return false
	}
	for _, row := range [][]string{{"pkcs1", "pss"}, {"tls13-server", "tls13-client"}, nil} {
		named := slices.DeleteFunc(slices.Clone(l.words), func(word string) bool {
			_, isHash := hashes[word]
			return !slices.Contains(row, word) && (row != nil || !isHash && word != "nohash")
		})
		if len(named) > 0 && !slices.ContainsFunc(named, func(word string) bool { return slices.Contains(u.words, word) }) {
			return false
		}
	}
	return true
}

// Every kind of peer and every word, through the command: each client can use the keys in the ways that
// its lines allow, and is denied all others. A changed file counts at once, on open connections, and a
// file with a mistake does not count.
func TestAllow(t *testing.T) {
	t.Parallel()
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	everything := []string{"rsa", "ec", "ed"}
	lines := []*line{
		{own, []string{"sha256"}, []string{"ec"}},
		{"user:" + me.Username, []string{"pss", "tls13-server"}, []string{"rsa"}},
		{"dns:all", nil, everything},
		{"spiffe://test/some", nil, []string{"ec", "ed"}},
		{"urn://test/tls", []string{"tls13-server", "tls13-client"}, everything},
		{"dns:server", []string{"tls13-server"}, everything},
		{"dns:client", []string{"tls13-client", "sha256"}, everything},
		{"dns:pss", []string{"pss"}, everything},
		{"dns:pkcs1", []string{"pkcs1"}, everything},
		{"dns:nohash", []string{"nohash"}, everything},
		{"dns:nohash-pss", []string{"nohash", "pss"}, everything},
		{"dns:more", []string{"nohash", "sha256", "pkcs1"}, everything},
		// Words of different lines do not mix.
		{"dns:two", []string{"pkcs1", "sha256"}, []string{"rsa"}},
		{"dns:two", []string{"pss", "sha384"}, []string{"rsa"}},
		{"dns:two", nil, []string{"ed"}},
	}
	for word := range hashes {
		lines = append(lines, &line{"dns:" + word, []string{word}, everything})
	}
	f := newFleet(t, "grpc")
	n := f.nodes[0]
	socket := f.path("socket")
	n.args = append(n.args[:2:2], append([]string{"-unix", socket}, n.args[2:]...)...)
	text := ""
	for _, l := range lines {
		text += l.String()
	}
	f.write("allow", []byte("# Every kind of line.\n"+text))
	f.start()

	byPeer := map[string][]*line{"dns:nobody": nil}
	for _, l := range lines {
		peer := l.peer
		if strings.HasPrefix(peer, "user:") {
			peer = own // it is the same client
		}
		byPeer[peer] = append(byPeer[peer], l)
	}
	all := uses()
	allowed, denied := 0, 0
	var open *remote.Engine // of dns:all
	for peer, its := range byPeer {
		e := f.client(t, peer, socket)
		if peer == "dns:all" {
			open = e
		}
		for _, u := range all {
			want := slices.ContainsFunc(its, func(l *line) bool { return l.allows(u) })
			err := u.do(f.signer(e, u.key))
			if want && err != nil || !want && !errors.Is(err, remote.ErrDenied) {
				t.Errorf("%s, %v: %v\n%v", peer, u, err, its)
			}
			if want {
				allowed++
			} else {
				denied++
			}
		}
	}
	t.Logf("%d allowed, %d denied", allowed, denied)

	s, u := f.signer(open, "ec"), &use{key: "ec", input: make([]byte, 32), opts: crypto.SHA256}
	f.write("allow", []byte("allow dns:all sign:sha-256 ec\n"))
	n.reload("the allow file stays as it was")
	n.logged(`the allow file: line 1: .*sha-256`)
	if err := u.do(s); err != nil {
		t.Error(err)
	}
	f.write("allow", []byte("allow dns:all sign:sha384 ec\n"))
	n.reload("allow: read")
	if err := u.do(s); !errors.Is(err, remote.ErrDenied) {
		t.Error(err)
	}
	if lost := open.Nodes()[0].Lost; lost != 0 {
		t.Errorf("%d connections have ended", lost)
	}
	if strings.Contains(n.log.String(), "PRIVATE KEY") {
		t.Error(n.log)
	}
}

// client returns an engine for node 0 as the client that the allow file names peer.
func (f *fleet) client(t *testing.T, peer, socket string) *remote.Engine {
	t.Helper()
	if peer == own {
		return f.engine(func(c *remote.Config) { c.Nodes = []string{"unix:" + socket} })
	}
	cert := f.ca.Issue(t, []string{strings.TrimPrefix(peer, "dns:")})
	return f.engine(func(c *remote.Config) { c.TLS = clientTLS(cert) })
}
