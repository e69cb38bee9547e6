package keyserver

import (
	"encoding/json"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"asynccrypto/remote/internal/allow"
	"asynccrypto/remote/internal/testkeys"
	"asynccrypto/remote/internal/wire"
)

// refused returns how many lines of each result the log has of a client, and how many refusals those
// of several count.
func (r *record) refused(t *testing.T, peer string) (lines map[string]int, counted int) {
	t.Helper()
	lines = map[string]int{}
	for _, text := range r.lines() {
		var line struct {
			Peer, Result string
			Refused      int
		}
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if line.Peer == peer {
			lines[line.Result]++
			counted += line.Refused
		}
	}
	return lines, counted
}

// A client that is refused as often as it likes takes a bounded part of the audit log, in which each
// refusal counts. Its signatures, and the lines of others, are not concerned.
func TestRefusalsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log record
		s := newServer(t, Config{Keys: testkeys.All(), Allow: []byte("allow uid:1 sign ed25519"), Audit: &log})
		p, other := connect(t, s, 1), connect(t, s, 2)
		signed := wire.Request{Op: wire.OpSign, Name: "ed25519", Message: true, Data: message}
		floods := func(n int) {
			t.Helper()
			for range n {
				p.want(wire.Denied, digestRequest())
			}
		}
		check := func(denied, several, counted int) {
			t.Helper()
			synctest.Wait()
			lines, n := log.refused(t, "uid:1")
			if lines["denied"] != denied || lines["refused"] != several || n != counted {
				t.Errorf("%v, counting %d; want %d alone and %d for %d", lines, n, denied, several, counted)
			}
		}
		floods(1000)
		check(1000, 0, 0)
		floods(500)
		p.want(wire.OK, signed)
		other.want(wire.Denied, digestRequest())
		time.Sleep(59 * time.Second)
		check(1000, 0, 0)
		time.Sleep(time.Second)
		check(1000, 1, 500)
		floods(100) // a minute has room for 60
		check(1060, 1, 500)
		if lines, _ := log.refused(t, "uid:1"); lines["ok"] != 1 {
			t.Errorf("%v", lines)
		}
		if lines, _ := log.refused(t, "uid:2"); lines["denied"] != 1 {
			t.Errorf("%v", lines)
		}

		// While the disk is full the count is kept.
		log.fail(syscall.ENOSPC)
		p.want(wire.Unavailable, signed) // its line is written later
		p.want(wire.Unavailable, signed)
		time.Sleep(time.Minute)
		log.fail(nil)
		time.Sleep(time.Second)
		check(1060, 1, 500)
		time.Sleep(time.Minute)
		check(1060, 2, 541) // with the second signature

		// What is left is written at the end.
		floods(131)
		closeAll(s, p, other)
		check(1181, 3, 551)
		if st := s.Stats(); st.Peers[0].Outcomes.Denied != 1731 || st.AuditLost != 0 {
			t.Errorf("%+v", st)
		}
	})
}

// The clients that have no statistics of their own have one bound together, and cannot have another
// one by coming again.
func TestRefusalsOfOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log record
		s := newServer(t, Config{Keys: testkeys.All(), Audit: &log})
		for uid := range uint32(maxNamed) {
			c, _ := s.enter(allow.UnixPeer(uid), callHold)
			s.leave(c, callHold)
		}
		for range 3 {
			p := connect(t, s, 1000)
			for range 400 {
				p.want(wire.Denied, digestRequest())
			}
			_ = p.conn.Close()
			synctest.Wait()
		}
		closeAll(s)
		if lines, _ := log.refused(t, "uid:1000"); lines["denied"] != 1000 {
			t.Errorf("%v", lines)
		}
		if lines, n := log.refused(t, "others"); lines["refused"] != 1 || n != 200 {
			t.Errorf("%v, counting %d", lines, n)
		}
	})
}
