package fleettest

import (
	"context"
	"crypto"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"asynccrypto/engine"
	"asynccrypto/remote"
)

// pause leaves the processors to the fleets that are tested at the same time.
const pause = 10 * time.Millisecond

// Nodes are killed, stopped, slow and restarted under load. No signature fails as long as a node is
// well, or comes back before the callers' deadlines, and all are right. While none is well, errors say
// so.
func TestFaults(t *testing.T) {
	t.Parallel()
	var all sync.WaitGroup // they wait most of the time, so all at once
	for _, kind := range []string{"unix", "grpc"} {
		for n := 1; n <= 3; n++ {
			all.Go(func() {
				t.Run(fmt.Sprintf("%s/%d", kind, n), func(t *testing.T) { testFaults(t, newFleet(t, slices.Repeat([]string{kind}, n)...)) })
			})
		}
	}
	all.Wait()
}

func testFaults(t *testing.T, f *fleet) {
	f.start()
	slow := f.slowdown(f.nodes[0])
	e := f.engine(func(c *remote.Config) { c.Nodes[0] = slow.addr })
	spare := len(f.nodes) > 1 // a node is left
	l := f.load(e, pause)
	l.more(50)
	restarted := func(i int) {
		f.nodes[i].start()
		f.up(e, i, true)
	}
	for i, n := range f.nodes {
		n.signal(syscall.SIGKILL)
		if spare {
			l.more(50)
		}
		restarted(i)
		n.signal(syscall.SIGSTOP)
		f.up(e, i, false)
		if spare {
			l.more(50)
		}
		n.signal(syscall.SIGCONT)
		f.up(e, i, true)
	}
	slow.delay.Store(int64(300 * time.Millisecond))
	l.more(50)
	slow.delay.Store(0)
	for i, n := range f.nodes { // a rolling restart
		n.end()
		restarted(i)
	}
	l.more(50)
	for _, n := range f.nodes {
		n.signal(syscall.SIGKILL)
	}
	for i := range f.nodes {
		restarted(i)
	}
	l.more(50)
	l.end(t)

	s := f.signer(e, "ec")
	for _, n := range f.nodes {
		n.signal(syscall.SIGSTOP)
	}
	away(t, s, 300*time.Millisecond)
	for _, n := range f.nodes {
		n.signal(syscall.SIGKILL)
	}
	for i := range f.nodes {
		f.up(e, i, false)
	}
	away(t, s, 300*time.Millisecond)
	away(t, s, 0)
	for i := range f.nodes {
		restarted(i)
	}
	l = f.load(e, pause)
	l.more(20)
	l.end(t)
}

// away checks the error while no node is well, with a deadline and, if that is 0, without one.
func away(t *testing.T, s remote.Signer, deadline time.Duration) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	if deadline > 0 {
		ctx, cancel = context.WithTimeout(ctx, deadline)
	}
	defer cancel()
	_, err := s.WithContext(ctx).Sign(rand.Reader, make([]byte, 32), crypto.SHA256)
	switch {
	case deadline > 0 && errors.Is(err, context.DeadlineExceeded):
	case errors.Is(err, engine.ErrUnavailable) && strings.Contains(err.Error(), "no node is up"):
	default:
		t.Errorf("no node is well, the deadline is %v, and the error is: %v", deadline, err)
	}
}
