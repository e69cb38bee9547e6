package cabi

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestFunctions(t *testing.T)          { each(t, "functions") }
func TestBreaks(t *testing.T)             { each(t, "breaks") }
func TestFrees(t *testing.T)              { each(t, "frees") }
func TestThreads(t *testing.T)            { each(t, "threads") }
func TestForks(t *testing.T)              { each(t, "forks") }
func TestForkInFirstUse(t *testing.T)     { each(t, "forks_first") }
func TestSetMemFunctions(t *testing.T)    { each(t, "memory") }
func TestControlWords(t *testing.T)       { each(t, "control") }
func TestBacktraceEnds(t *testing.T)      { each(t, "unwind") }
func TestManyPausedJobs(t *testing.T)     { each(t, "many") }
func TestOverflowMeetsGuard(t *testing.T) { each(t, "overflow") }

// TestErrnoIsKept also runs with an application's stacks, whose functions set errno, and with
// locked memory, in which madvise fails.
func TestErrnoIsKept(t *testing.T) {
	each(t, "errnos")
	for _, env := range []string{"CHECK_ALLOC=1", "CHECK_LOCKED=1"} {
		run(t, []string{env}, filepath.Join(plain(t), "test", "errnos"))
	}
}

// TestGuards protects the stacks as on older kernels, and as past the limit on mappings.
func TestGuards(t *testing.T) {
	t.Parallel()
	for _, guards := range []string{"mprotect", "canary"} {
		t.Run(guards, func(t *testing.T) {
			t.Parallel()
			for _, name := range []string{"overflow", "breaks", "frees", "threads", "many"} {
				run(t, []string{"ASYNC_STACK_GUARDS=" + guards}, filepath.Join(plain(t), "test", name))
			}
		})
	}
}

// TestStackSize checks that a stack has 64 KB unless ASYNC_STACK_SIZE is a number of bytes.
func TestStackSize(t *testing.T) {
	t.Parallel()
	program := filepath.Join(plain(t), "test", "stack")
	for size, kilobytes := range map[string]string{
		"": "56", "1": "8", "32768": "24", "1000001": "900", "8388608": "8000", "rubbish": "56", "9rubbish": "56",
	} {
		run(t, []string{"ASYNC_STACK_SIZE=" + size}, program, kilobytes)
	}
	if err := command(t, []string{"ASYNC_STACK_SIZE=32768"}, program, "56").Run(); err == nil {
		t.Error("a job used 56 KB of a stack of 32 KB")
	}
}

// TestManualPage runs a program like the example of OpenSSL's manual page, whose job waits for a
// pipe. It must print what that page says.
func TestManualPage(t *testing.T) {
	const want = `Starting...
Executing within a job
Job was paused
Waiting for the job to be woken up
Hello World!
Job finished with return value 1
Finishing
`
	each(t, "manual")
	if got := run(t, nil, filepath.Join(plain(t), "test", "manual")); got != want {
		t.Errorf("it prints:\n%s", got)
	}
}

// TestManualPagesExample checks that the program in libasync's own page compiles without a
// warning, and prints the lines that the page says, in any order.
func TestManualPagesExample(t *testing.T) {
	t.Parallel()
	dir := plain(t)
	text, err := os.ReadFile("man/ASYNC_start_job.3")
	if err != nil {
		t.Fatal(err)
	}
	_, examples, _ := strings.Cut(strings.NewReplacer(`\-`, "-", `\e`, `\`).Replace(string(text)), "\n.SH EXAMPLES\n")
	var blocks []string // the program, the command that compiles it, and its output
	for _, b := range strings.Split(examples, "\n.nf\n")[1:] {
		b, _, _ = strings.Cut(b, ".fi\n")
		blocks = append(blocks, b)
	}
	if len(blocks) != 3 {
		t.Fatalf("it has %q", blocks)
	}
	source, program := filepath.Join(t.TempDir(), "squares.c"), filepath.Join(t.TempDir(), "squares")
	if err := os.WriteFile(source, []byte(blocks[0]), 0o666); err != nil {
		t.Fatal(err)
	}
	run(t, nil, "gcc", "-Wall", "-Wextra", "-Werror", "-pedantic", "-Iinclude", "-o", program, source,
		filepath.Join(dir, "libasync.a"), "-pthread")
	got, want := strings.Fields(run(t, nil, program)), strings.Fields(blocks[2])
	slices.Sort(got)
	slices.Sort(want)
	if len(want) != 12 || !slices.Equal(got, want) {
		t.Errorf("it prints %q", got)
	}
}

// TestStats checks the line that ASYNC_STATS=1 asks for.
func TestStats(t *testing.T) {
	t.Parallel()
	out := run(t, []string{"ASYNC_STATS=1"}, filepath.Join(plain(t), "test", "manual"))
	if !strings.Contains(out, ": 1 starts, 1 pauses, 1 finishes\n") {
		t.Errorf("it prints:\n%s", out)
	}
}
