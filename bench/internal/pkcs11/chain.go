package pkcs11

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"asynccrypto/bench/internal/harness"
	"asynccrypto/bench/internal/pkcs11/side"
	"asynccrypto/internal/hsmtest"
)

// attemptTimeout is the time-out of an attempt at the token, in a chain.
const attemptTimeout = 100 * time.Millisecond

// fault is something that happens to a token, and its end.
type fault struct {
	name   string
	goal   harness.Goal // for the longest wait, in ms
	server bool         // the token is behind a p11-kit server
	kills  bool         // it ends a process that has loaded the module
	set    func(s *session, on bool) error
}

var faults = []fault{
	{name: "p11-kit's server is killed, and started again", goal: harness.Goal{AtMost: 20}, server: true, set: func(s *session, on bool) error {
		if on {
			s.server.Kill()
		} else {
			s.server.Start()
		}
		return nil
	}},
	{name: "the token's files go away, and come back", goal: harness.Goal{AtMost: 20}, set: func(s *session, on bool) error {
		here, away := s.slow.Files, s.slow.Files+".away"
		if on {
			return os.Rename(here, away)
		}
		return os.Rename(away, here)
	}},
	{name: "the token hangs for a while", goal: harness.Goal{AtMost: 130}, set: func(s *session, on bool) error {
		s.control.Hang(on)
		return nil
	}},
	{name: "the module crashes in each operation for a while", kills: true, set: func(s *session, on bool) error {
		s.control.Crash(on)
		return nil
	}},
}

// chainValues are the figures of one side.
type chainValues struct{ worst, after, failed, back *harness.Value }

func newChainValues(row *harness.Row, whose string) chainValues {
	return chainValues{
		row.Value(whose+"longest wait", harness.Milliseconds), row.Value(whose+"longest at the return", harness.Milliseconds),
		row.Value(whose+"failed", harness.Plain), row.Value(whose+"back after", harness.Milliseconds),
	}
}

func (v chainValues) note(w side.Watched) {
	v.worst.Note(milliseconds(w.Worst))
	v.after.Note(milliseconds(w.WorstAfter))
	v.failed.Note(float64(w.Failed))
	if w.IsBack {
		v.back.Note(milliseconds(w.Back))
	}
}

// chain adds the table of chains whose first member fails.
func (s *session) chain(t hsmtest.T) {
	if !s.only.MatchString(sectionChain) {
		return
	}
	s.control.Delay(tokens[0].delay)
	s.socket, s.server = hsmtest.Server(t, s.slow)
	table := s.Result.Table("when the token fails", fmt.Sprintf("a token of %v; eight callers sign, and pause for 1 ms. "+
		"Ours: a chain of the token, with a time-out of %v for an attempt, and a key in the process. crypto11 has the token alone. "+
		"The longest wait is of operations that began during the fault, or at the return: after its end. Failed operations are of both. "+
		"Back after: the time from the end of the fault until the token signs again",
		tokens[0].delay, attemptTimeout))
	for _, f := range faults {
		row := table.Row(f.name)
		ours := newChainValues(row, "")
		ours.worst.Goal = f.goal
		s.steps = append(s.steps, func(ctx context.Context, round int) error {
			w, err := s.outage(ctx, round, helpers, f)
			switch {
			case err != nil:
			case w.Failed > 0:
				row.Remark = "ours failed: " + w.Err
			case !w.IsBack:
				row.Remark = s.notBack(helpers)
			}
			ours.note(w)
			return err
		})
		switch {
		case f.kills:
			row.Remark = "in process that ends the program"
		case !s.missing(crypto11) && !(f.server && p11kitClient() == ""):
			theirs := newChainValues(row, "crypto11's ")
			s.steps = append(s.steps, func(ctx context.Context, round int) error {
				w, err := s.outage(ctx, round, crypto11, f)
				if err == nil && !w.IsBack {
					row.Remark = s.notBack(crypto11)
				}
				theirs.note(w)
				return err
			})
		}
	}
}

func (s *session) notBack(w way) string {
	return fmt.Sprintf("%s: the token was not in use again within %v", w, s.backWithin)
}

// p11kitClient returns the path of the module that asks a p11-kit server, or nothing.
func p11kitClient() string {
	for _, pattern := range []string{"/usr/lib/*/pkcs11/p11-kit-client.so", "/usr/lib*/pkcs11/p11-kit-client.so"} {
		if paths, _ := filepath.Glob(pattern); len(paths) > 0 {
			return paths[0]
		}
	}
	return ""
}

// outage has a side sign while the token fails and comes back.
func (s *session) outage(ctx context.Context, round int, w way, f fault) (side.Watched, error) {
	s.Show(round, fmt.Sprintf("%s: %s", w, f.name))
	watched, err := s.outageOnce(ctx, w, f)
	if err != nil {
		err = fmt.Errorf("%s: %s: %w", w, f.name, err)
	}
	return watched, err
}

func (s *session) outageOnce(ctx context.Context, w way, f fault) (side.Watched, error) {
	s.control.Delay(tokens[0].delay)
	s.control.Capacity(0) // a crash leaves its place taken for a while
	m := *s.slow
	var env []string
	if f.server && w == helpers {
		m.Path = s.socket
	} else if f.server {
		m.Path, env = p11kitClient(), []string{"P11_KIT_SERVER_ADDRESS=unix:path=" + s.socket}
	}
	t := token(&m, 8)
	if w == helpers {
		t.Fallback, t.Timeout = s.key, attemptTimeout
	}
	child, err := s.open(w, t, harness.NoPin, env...)
	if err != nil {
		return side.Watched{}, err
	}
	defer child.Close()
	if err := child.Do(side.Order{Do: "watch", Time: s.settle}, nil); err != nil {
		return side.Watched{}, err
	}
	if err := child.Do(side.Order{Do: "fault"}, nil); err != nil {
		return side.Watched{}, err
	}
	if err := f.set(s, true); err != nil {
		return side.Watched{}, err
	}
	select {
	case <-ctx.Done():
		err = ctx.Err()
	case <-time.After(max(s.Slice/3, 3*attemptTimeout)):
	}
	if err := errors.Join(err, f.set(s, false)); err != nil {
		return side.Watched{}, err
	}
	if err := child.Do(side.Order{Do: "cured"}, nil); err != nil {
		return side.Watched{}, err
	}
	var a side.Answer
	err = child.Do(side.Order{Do: "stop", Time: s.backWithin}, &a)
	return a.Watched, err
}
