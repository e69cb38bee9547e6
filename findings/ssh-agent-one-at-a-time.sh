#!/bin/bash
# x/crypto/ssh/agent: a keyring makes one signature at a time, and nothing else meanwhile.
#
# Software    golang.org/x/crypto v0.59.0, ssh.NewSignerFromSigner and agent.NewKeyring
# Best guess  eight goroutines that sign with a slow crypto.Signer have eight signatures under
#             way, through the keyring as through ssh.Signer; listing the keys waits for no
#             signature
# Seen        ssh.Signer: 8 under way. The keyring: 1, for it holds its mutex while the key
#             signs, and List waits as well.
# Matters to  in-process agents over keys in tokens, key servers or batching engines: the
#             keyring's rate is one signature for each round trip, batches never fill, and a key
#             that hangs stops the agent.
source "$(dirname "$0")/common.bash"
go_modules golang.org/x/crypto@v0.59.0

cat >main.go <<'END'
package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"io"
	"log"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// A slow key reports each signature that it begins, and finishes none before finish is closed.
type slow struct {
	*ecdsa.PrivateKey
	begun  chan struct{}
	finish chan struct{}
}

func (s slow) Sign(rand io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	s.begun <- struct{}{}
	<-s.finish
	return s.PrivateKey.Sign(rand, digest, opts)
}

const callers = 8

// A call that has not come as far as the key after this time waits for another one.
const enough = 2 * time.Second

func newKey() slow {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	return slow{key, make(chan struct{}, callers), make(chan struct{})}
}

// underWay calls sign from eight goroutines, and returns how many of them the key had at once and
// whether a call of meanwhile could be made at that time.
func underWay(key slow, sign, meanwhile func() error) (n int, free bool) {
	var calls sync.WaitGroup
	run := func(f func() error) {
		if err := f(); err != nil {
			log.Fatal(err)
		}
	}
	for range callers {
		calls.Go(func() { run(sign) })
	}
	for timeout := time.After(enough); n < callers && timeout != nil; {
		select {
		case <-key.begun:
			n++
		case <-timeout:
			timeout = nil
		}
	}
	done := make(chan struct{})
	calls.Go(func() { run(meanwhile); close(done) })
	select {
	case <-done:
		free = true
	case <-time.After(enough):
	}
	close(key.finish)
	calls.Wait()
	return n, free
}

func main() {
	data := []byte("data")

	key := newKey()
	signer, err := ssh.NewSignerFromSigner(key)
	if err != nil {
		log.Fatal(err)
	}
	n, free := underWay(key,
		func() error { _, err := signer.Sign(rand.Reader, data); return err },
		func() error { signer.PublicKey(); return nil })
	fmt.Printf("ssh.Signer: %d of %d under way, PublicKey returns meanwhile: %t\n", n, callers, free)

	key = newKey()
	if signer, err = ssh.NewSignerFromSigner(key); err != nil {
		log.Fatal(err)
	}
	ring := agent.NewKeyring()
	if err := ring.Add(agent.AddedKey{PrivateKey: key}); err != nil {
		log.Fatal(err)
	}
	n, free = underWay(key,
		func() error { _, err := ring.Sign(signer.PublicKey(), data); return err },
		func() error { _, err := ring.List(); return err })
	fmt.Printf("keyring: %d of %d under way, List returns meanwhile: %t\n", n, callers, free)
}
END
go run . >seen

expect "agent.NewKeyring has one of eight signatures under way, and List waits for it" <<'END'
ssh.Signer: 8 of 8 under way, PublicKey returns meanwhile: true
keyring: 1 of 8 under way, List returns meanwhile: false
END
