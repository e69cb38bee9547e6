package tlstest

import (
	"asynccrypto/internal/testwait"
	"bufio"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// Command returns the path of a program. Without it the test fails in CI, and is skipped elsewhere.
func Command(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	return path
}

// Program is a program that runs beside a test. Writes go to its standard input.
type Program struct {
	io.WriteCloser
	lines chan string
	cmd   *exec.Cmd
}

// Start starts a program that is killed when the test ends.
func Start(t testing.TB, name string, args ...string) *Program {
	t.Helper()
	p := &Program{cmd: exec.Command(Command(t, name), args...), lines: make(chan string, 10000)}
	var err error
	if p.WriteCloser, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	r, w := io.Pipe()
	p.cmd.Stdout, p.cmd.Stderr = w, w
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.lines)
		for s := bufio.NewScanner(r); s.Scan(); {
			p.lines <- s.Text()
		}
	}()
	ended := make(chan struct{})
	go func() { p.cmd.Wait(); w.Close(); close(ended) }()
	t.Cleanup(func() { p.cmd.Process.Kill(); <-ended })
	return p
}

// Expect waits for a line of output that contains text, and returns the rest of that line.
func (p *Program) Expect(t testing.TB, text string) string {
	t.Helper()
	timeout := time.After(time.Until(testwait.Limit()))
	var seen []string
	for {
		select {
		case line, ok := <-p.lines:
			if _, rest, found := strings.Cut(line, text); found {
				return rest
			}
			if seen = append(seen, line); !ok {
				t.Fatalf("it ended without saying %q:\n%s", text, strings.Join(seen, "\n"))
			}
		case <-timeout:
			t.Fatalf("it does not say %q:\n%s", text, strings.Join(seen, "\n"))
		}
	}
}

// Say writes text to the program.
func (p *Program) Say(text string) { io.WriteString(p, text) }
