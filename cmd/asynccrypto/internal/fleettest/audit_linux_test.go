package fleettest

import (
	"context"
	"crypto"
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"asynccrypto/engine"
	"asynccrypto/internal/testwait"
	"asynccrypto/remote"
)

// fillsDisk has the node's audit log find a full disk soon: the system refuses to write more than 12 KiB
// to a file, and takes a part of the line before that.
func (n *node) fillsDisk() {
	n.args = append([]string{"sh", "-c", `ulimit -S -f 24 && exec "$@"`, "sh"}, n.args...)
}

// hasRoom ends the shortage.
func (n *node) hasRoom() {
	n.t.Helper()
	var limit unix.Rlimit
	err := unix.Prlimit(n.cmd.Process.Pid, unix.RLIMIT_FSIZE, nil, &limit)
	if err == nil {
		limit.Cur = limit.Max
		err = unix.Prlimit(n.cmd.Process.Pid, unix.RLIMIT_FSIZE, &limit, nil)
	}
	if err != nil {
		n.t.Fatal(err)
	}
}

// A node whose audit log finds the disk full signs nothing, and says why. Another node signs, and no
// signature fails. When there is room the node signs again.
func TestAuditFull(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "unix", "grpc")
	full := f.nodes[0]
	full.fillsDisk()
	f.start()
	e := f.engine()
	l := f.load(e, 0)
	testwait.Await(t, "a node to refuse", func() bool { return e.Nodes()[0].Refused > 0 })
	l.more(200)
	full.logged("audit log .*file too large")

	s := f.signer(f.engine(func(c *remote.Config) { c.Nodes = c.Nodes[:1] }), "ec")
	sign := func(ctx context.Context) error {
		_, err := s.WithContext(ctx).Sign(rand.Reader, make([]byte, 32), crypto.SHA256)
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	if err := sign(ctx); !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, engine.ErrUnavailable) {
		t.Errorf("with a deadline: %v", err)
	}
	if err := sign(engine.WithFallback(patient(t))); !errors.Is(err, engine.ErrUnavailable) || !strings.Contains(err.Error(), "audit log") {
		t.Errorf("with a fallback: %v", err)
	}
	full.hasRoom()
	if err := sign(patient(t)); err != nil {
		t.Error(err)
	}
	l.more(100)
	l.end(t)
}

// With -audit-full continue a node with a full disk goes on to sign, and its audit log says how many
// lines are missing.
func TestAuditContinue(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "unix")
	n := f.nodes[0]
	n.args = append(n.args[:2:2], append([]string{"-audit-full", "continue"}, n.args[2:]...)...)
	n.fillsDisk()
	f.start()
	l := f.load(f.engine(), 0)
	n.logged("audit log .*file too large")
	l.more(200)
	n.hasRoom()
	n.logged("the audit log is written again")
	l.more(100)
	l.stop()
	n.end()
	signed, lost := l.audited(t, n.audit)
	t.Logf("%d signatures, %d failed, %d lines lost", l.done.Load(), l.failures.Load(), lost)
	if signed+lost != l.done.Load() {
		t.Errorf("%d signatures, but the audit log has %d lines and has lost %d", l.done.Load(), signed, lost)
	}
}
