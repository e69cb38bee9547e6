package keyserver

import (
	"context"
	"crypto"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"asynccrypto/engine/multibuffer"
	"asynccrypto/internal/testwait"
	"asynccrypto/remote/internal/wire"
)

// Keys, rules and logs change, and the log fails, while clients sign. No signature is given without
// a line or to a client that has no rule, and the end may come at any moment.
func TestChangesAtAnyMoment(t *testing.T) {
	eng, err := multibuffer.New(multibuffer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer eng.Close()
	bound, err := eng.Signer(ecdsaKey)
	if err != nil {
		t.Fatal(err)
	}
	sets := []map[string]crypto.Signer{{"k": rsaKey, "e": bound}, {"k": ecdsaKey}, {"k": ed25519Key, "e": bound}}
	for round := range 4 {
		logs := []*record{{}, {}, {}}
		s := newServer(t, Config{Keys: sets[0], Allow: []byte("allow uid:1 sign k e"), Audit: logs[0], InFlight: 16})
		given := make(chan []byte, 10000) // the digests
		var clients, changes sync.WaitGroup
		for n := range 4 {
			p := connect(t, s, uint32(n%2))
			clients.Go(func() {
				signUntilTheEnd(p, func(digest []byte) {
					if n%2 == 0 {
						t.Error("a signature for uid 0")
					}
					given <- digest
				})
			})
		}
		ctx, cancel := context.WithCancel(t.Context())
		change := func(f func(i int)) {
			changes.Go(func() {
				for i := 0; ctx.Err() == nil; i++ {
					f(i)
					time.Sleep(time.Millisecond) // the clients are to have a turn
				}
			})
		}
		change(func(i int) {
			if err := s.SetKeys(sets[i%3]); err != nil && err != ErrClosed {
				t.Error(err)
			}
		})
		change(func(i int) { _ = s.SetAllow([]byte([]string{"", "allow uid:1 sign:sha256 k e"}[i%2])) })
		change(func(i int) {
			s.SetAudit(logs[i%3])
			logs[i%3].fail([]error{nil, errors.New("full")}[i%5/4])
			s.Stats()
		})
		for len(given) < 50 {
			time.Sleep(time.Millisecond)
		}
		if round%2 == 0 {
			_ = s.Close()
		} else {
			_ = s.Shutdown(t.Context())
		}
		clients.Wait()
		cancel()
		changes.Wait()
		close(given)
		lines := logs[0].String() + logs[1].String() + logs[2].String()
		for digest := range given {
			if !strings.Contains(lines, hex.EncodeToString(digest[:8])) {
				t.Errorf("no line for %x", digest)
			}
		}
		if st := s.Stats(); st.Sessions != 0 {
			t.Errorf("%+v", st)
		}
		testwait.Await(t, "the end of all requests", func() bool { return s.Stats().InFlight == 0 })
	}
}

// signUntilTheEnd asks for signatures, several at once, until the server ends the connection. It
// tells the digests of those that it is given.
func signUntilTheEnd(p *framer, signed func(digest []byte)) {
	window := make(chan struct{}, 10) // two connections are a little over the bound
	ended := make(chan struct{})
	defer close(ended)
	go func() {
		for id := uint64(1); ; id++ {
			select {
			case window <- struct{}{}:
			case <-ended:
				return
			}
			r := wire.Request{ID: id, Op: wire.OpSign, Name: []string{"k", "e"}[id%2], Hash: wire.SHA256, Data: digest(p, id)}
			if b, err := wire.AppendRequest(nil, &r); err != nil {
				p.t.Error(err)
			} else if _, err := p.conn.Write(b); err != nil {
				return
			}
		}
	}()
	for {
		body, err := wire.ReadFrame(p.reader, wire.MaxFrame)
		if err != nil {
			<-p.result
			return
		}
		var a wire.Answer
		if err := wire.ParseAnswer(body, &a); err != nil {
			p.t.Error(err)
		}
		if a.ID == 0 {
			continue // the server's last word
		}
		<-window
		if a.Status == wire.OK {
			signed(digest(p, a.ID))
		}
	}
}

// digest is the digest of a client's request, which no other has.
func digest(p *framer, id uint64) []byte {
	d := sha256.Sum256(fmt.Appendf(nil, "%p %d", p, id))
	return d[:]
}
