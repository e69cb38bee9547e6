package pkcs11

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"asynccrypto/engine/pkcs11/internal/ck"
	"asynccrypto/engine/pkcs11/internal/rpc"
)

const (
	// A helper that is closed has this long to end by itself, so that its module can say goodbye to
	// its HSM. Then it is killed.
	helperGrace = 500 * time.Millisecond
	// After it was killed it has this long to end. A process that is in the kernel may take longer.
	killGrace = 5 * time.Second
	// Each start of a process keeps a thread busy, so few are started at once.
	startsAtOnce = 4
	// A line of a helper's standard error is cut after this many bytes.
	longestLine = 1024
	// The most lines of a helper's standard error that are logged in a minute.
	mostLines = 60
)

var starts = make(chan struct{}, startsAtOnce)

// helpers is the [ck.Dialer] that starts a helper process for each connection.
type helpers struct {
	module  string
	options rpc.Options
	logger  *slog.Logger
	running sync.WaitGroup // one for each helper that has not ended
}

// Dial implements [ck.Dialer].
func (hs *helpers) Dial(ctx context.Context) (ck.Conn, error) {
	var h *helper
	conn, err := rpc.Dial(ctx, func(ctx context.Context) (_ io.ReadWriteCloser, err error) {
		if h, err = hs.start(ctx); err != nil {
			return nil, err // not a nil *helper in an interface
		}
		return h, nil
	}, hs.options)
	var answer ck.Error
	if err != nil && h != nil && ctx.Err() == nil && !errors.Is(err, ck.ErrHung) && !errors.As(err, &answer) {
		err = h.explain(err)
		if state := h.cmd.ProcessState; errors.Is(err, rpc.ErrNoAnswer) && state != nil && state.Exited() {
			err = mistake{err} // the module could not be loaded; a process that was killed says nothing of it
		}
		return nil, err
	}
	return conn, err
}

// Close returns when no helper is left. The caller has closed all connections.
func (hs *helpers) Close() error {
	hs.running.Wait()
	return nil
}

// helper is a process that has loaded the module, and this process's end of its standard input and
// output. It is in a process group of its own: a signal from the terminal to this process's group
// must not end the helper while operations are drained.
type helper struct {
	io.ReadWriteCloser
	hs     *helpers
	cmd    *exec.Cmd
	stderr *os.File
	ended  chan struct{} // closed when the process has been collected
	last   string        // line of its standard error; valid when it has ended
	closed sync.Once

	mu        sync.Mutex
	collected bool // or about to be: another process group may have its number
}

// start starts "p11-kit remote MODULE".
func (hs *helpers) start(ctx context.Context) (*helper, error) {
	path, err := exec.LookPath("p11-kit")
	if err != nil {
		return nil, mistake{errors.New("p11-kit is not installed; install the package p11-kit (Fedora, RHEL: p11-kit-server), or load the module with package direct")}
	}
	if filepath.IsAbs(hs.module) {
		if _, err := os.Stat(hs.module); err != nil {
			return nil, mistake{fmt.Errorf("module-path: %w", err)}
		}
	}
	select {
	case starts <- struct{}{}:
		defer func() { <-starts }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	h := &helper{hs: hs, cmd: exec.Command(path, "remote", hs.module), ended: make(chan struct{})}
	stderr, childStderr, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer childStderr.Close()
	h.stderr, h.cmd.Stderr = stderr, childStderr
	if h.ReadWriteCloser, err = startPiped(h.cmd); err != nil {
		stderr.Close()
		return nil, err
	}
	hs.running.Add(1)
	go h.await()
	return h, nil
}

// await reads the helper's standard error until its end, which is the helper's own end, and then
// collects the process. To wait for the process from the beginning would take a thread.
func (h *helper) await() {
	defer h.hs.running.Done()
	defer close(h.ended)
	h.readErrors()
	h.mu.Lock()
	h.collected = true
	h.mu.Unlock()
	h.cmd.Wait()
	h.stderr.Close()
}

// readErrors logs the lines that the helper writes to its standard error. Lines beyond the limit
// are read and not logged, so that the helper does not wait.
func (h *helper) readErrors() {
	lines := bufio.NewReaderSize(h.stderr, longestLine)
	var minute time.Time // in which n lines were read
	n := 0
	for start := true; ; {
		line, long, err := lines.ReadLine()
		if err != nil {
			return
		}
		if start { // the rest of a long line is left out
			h.last = string(line)
			if now := time.Now(); now.Sub(minute) >= time.Minute {
				minute, n = now, 0
			}
			if n++; n <= mostLines && h.hs.logger != nil {
				h.hs.logger.Warn("pkcs11: a helper wrote to its standard error", "module", h.hs.module, "line", h.last)
			}
		}
		start = !long
	}
}

// Close ends the helper, without waiting for its end.
func (h *helper) Close() (err error) {
	h.closed.Do(func() {
		err = h.ReadWriteCloser.Close() // the helper ends when it finds the end of its input
		time.AfterFunc(helperGrace, h.kill)
		// A process that the module has started may have the standard error open.
		h.stderr.SetReadDeadline(time.Now().Add(helperGrace + killGrace))
	})
	return err
}

func (h *helper) kill() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.collected {
		killGroup(h.cmd)
	}
	h.cmd.Process.Kill() // does nothing to a process that has been collected
}

// explain adds to err the last line of a helper that could not be used, or how its process ended.
func (h *helper) explain(err error) error {
	<-h.ended // Dial has closed it
	switch state := h.cmd.ProcessState; {
	case state != nil && !state.Exited():
		return fmt.Errorf("%w; \"p11-kit remote %s\" ended with %v", err, h.hs.module, state)
	case h.last != "":
		return fmt.Errorf("%w; it wrote: %s", err, h.last)
	case state != nil && !state.Success():
		return fmt.Errorf("%w; \"p11-kit remote %s\" ended with %v: is that a PKCS #11 module?", err, h.hs.module, state)
	}
	return err
}
