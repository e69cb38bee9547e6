package fleettest

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"asynccrypto/internal/testwait"
	"asynccrypto/remote"
)

// form is a way to sign.
type form struct {
	key       string
	algorithm x509.SignatureAlgorithm // that verifies it
	opts      crypto.SignerOpts
	message   bool // the node hashes
}

// forms are those that the load uses.
var forms = []form{
	{"ec", x509.ECDSAWithSHA256, crypto.SHA256, false},
	{"rsa", x509.SHA256WithRSAPSS, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256}, false},
	{"ed", x509.PureEd25519, crypto.Hash(0), false},
	{"rsa", x509.SHA256WithRSA, crypto.SHA256, true},
	{"ec", x509.ECDSAWithSHA256, crypto.SHA256, true},
}

// sign signs a message. It waits as long as the test does.
func (form *form) sign(s remote.Signer, message, digest []byte) ([]byte, error) {
	ctx, cancel := context.WithDeadline(context.Background(), testwait.Limit())
	defer cancel()
	s = s.WithContext(ctx).(remote.Signer)
	switch {
	case form.message:
		return s.SignMessage(rand.Reader, message, form.opts)
	case form.opts.HashFunc() == 0:
		return s.Sign(rand.Reader, message, form.opts)
	}
	return s.Sign(rand.Reader, digest, form.opts)
}

// load is a number of goroutines that sign messages of their own, one after another with a pause, until
// stop. Every signature is verified with the standard library.
type load struct {
	f        *fleet
	done     atomic.Uint64
	failures atomic.Uint64
	stopped  atomic.Bool
	workers  sync.WaitGroup

	mu      sync.Mutex
	digests map[string]bool // of messages that were signed, as the audit log has them
}

const loadWorkers = 8

// load begins to sign.
func (f *fleet) load(e *remote.Engine, pause time.Duration) *load {
	f.t.Helper()
	l := &load{f: f, digests: map[string]bool{}}
	signers := map[string]remote.Signer{}
	for name := range f.keys {
		signers[name] = f.signer(e, name)
	}
	for i := range loadWorkers {
		l.workers.Go(func() {
			for n := uint64(i); !l.stopped.Load(); n += loadWorkers {
				time.Sleep(pause)
				form := &forms[n/loadWorkers%uint64(len(forms))]
				message := binary.BigEndian.AppendUint64([]byte("message "), n)
				digest := sha256.Sum256(message)
				signature, err := form.sign(signers[form.key], message, digest[:])
				if err == nil {
					err = (&x509.Certificate{PublicKey: f.keys[form.key].Public()}).CheckSignature(form.algorithm, message, signature)
				}
				if err != nil {
					if l.failures.Add(1) <= 5 {
						f.t.Errorf("signature %d, key %s: %v", n, form.key, err)
					}
					continue
				}
				l.done.Add(1)
				if form.opts.HashFunc() != 0 {
					l.mu.Lock()
					l.digests[hex.EncodeToString(digest[:8])] = true
					l.mu.Unlock()
				}
			}
		})
	}
	f.t.Cleanup(l.stop)
	return l
}

// more waits for n more signatures.
func (l *load) more(n uint64) {
	l.f.t.Helper()
	until := l.done.Load() + n
	testwait.Await(l.f.t, fmt.Sprintf("%d signatures", n), func() bool { return l.done.Load() >= until || l.failures.Load() > 0 })
}

// stop ends the load. It may be called again.
func (l *load) stop() {
	l.stopped.Store(true)
	l.workers.Wait()
}

// end ends the load, in which nothing should have failed, and checks that every signature is in an
// audit log of the fleet.
func (l *load) end(t *testing.T) {
	t.Helper()
	l.stop()
	t.Logf("%d signatures, %d failed", l.done.Load(), l.failures.Load())
	audited := uint64(0)
	for _, n := range l.f.nodes {
		signed, _ := l.audited(t, n.audit)
		audited += signed
	}
	if len(l.digests) > 0 || audited < l.done.Load() {
		t.Errorf("the audit logs have %d signatures, and lack %d of those that clients got", audited, len(l.digests))
	}
}

// audited takes the digests of an audit log out of l.digests. It returns the number of signatures in the
// log, and that of lines that the log says it has lost.
func (l *load) audited(t *testing.T, file string) (signed, lost uint64) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var record struct {
			Peer, Key, Digest, Result string
			Lost                      uint64
		}
		if json.Unmarshal([]byte(line), &record) != nil {
			continue // half a line, after a kill or on a full disk: its signature should not have been given
		}
		lost += record.Lost
		if record.Result != "ok" {
			continue
		}
		if record.Peer != own && record.Peer != clientName || l.f.keys[record.Key] == nil {
			t.Errorf("%+v", record)
		}
		signed++
		delete(l.digests, record.Digest)
	}
	return signed, lost
}
