package engines

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"

	"asynccrypto/cmd/asynccrypto/internal/cli"
	"asynccrypto/cmd/asynccrypto/internal/eventlog"
	"asynccrypto/engine"
	"asynccrypto/internal/measure"
)

// defaultNice is the default of -nice on Linux.
const defaultNice = 10

// Workers are the options -workers and -nice of a server, whose other threads should not wait for
// the workers of the engine.
type Workers struct {
	N    int // of the engine
	Nice int // how much lower the priority of their threads is

	niceGiven bool
}

// Declare declares the options. Call Complete when they have been parsed.
func (w *Workers) Declare(f *cli.Flags) {
	f.Int(&w.N, "workers", 1, 4096, "operations, or batches of eight, that the engine computes at once (default one for each core)")
	f.Func("nice", "N", "how much lower the priority of the workers' threads is, on Linux; 0 is the same priority as the rest "+
		fmt.Sprintf("(default %d)", defaultNice), w.setNice)
}

func (w *Workers) setNice(text string) error {
	n, err := strconv.Atoi(text)
	switch {
	case err != nil || n < 0 || n > 19:
		return errors.New("must be between 0 and 19")
	case n > 0 && runtime.GOOS != "linux":
		return fmt.Errorf("threads have no priority of their own on %s", runtime.GOOS)
	}
	w.Nice, w.niceGiven = n, true
	return nil
}

// Complete fills in the defaults, which depend on the machine.
func (w *Workers) Complete() {
	w.N = cmp.Or(w.N, runtime.GOMAXPROCS(0))
	if !w.niceGiven && runtime.GOOS == "linux" {
		w.Nice = defaultNice
	}
}

// Open opens an engine with these workers. Some sandboxes forbid any change of priority. That must
// not keep a server from starting if only the default asks for it: then Nice becomes 0, and the log
// says so.
func (w *Workers) Open(kind *Kind, log *eventlog.Log) (*engine.Engine, error) {
	e, first := kind.Open(Options{Workers: w.N, Nice: w.Nice})
	if first == nil || w.Nice == 0 {
		return e, first
	}
	if w.niceGiven {
		return nil, fmt.Errorf("-nice %d: %w; give -nice 0 where the system forbids another priority", w.Nice, first)
	}
	e, err := kind.Open(Options{Workers: w.N})
	if err != nil {
		return nil, err
	}
	w.Nice = 0
	log.Printf("warning: the workers have the same priority as the rest: %v", first)
	return e, nil
}

// Describe names an engine of this kind with its workers, for the log.
func (w *Workers) Describe(kind *Kind) string {
	what := fmt.Sprintf("engine %s, %s", kind.Name, measure.Count(w.N, "worker"))
	if w.Nice > 0 {
		what += fmt.Sprintf(" at nice %d", w.Nice)
	}
	return what
}

// SpareProcessors sets GOMAXPROCS to n, if it is less, so that Go always has a processor on which no
// worker computes. Otherwise a goroutine would wait for a time slice of 10 ms to end, again and
// again. A GOMAXPROCS in the environment stays.
func SpareProcessors(n int) (restore func()) {
	if os.Getenv("GOMAXPROCS") != "" {
		return func() {}
	}
	old := runtime.GOMAXPROCS(0)
	runtime.GOMAXPROCS(max(old, n))
	return func() { runtime.GOMAXPROCS(old) }
}
