// Package filesig holds what the commands sign and verify share: how a key signs a file
// ([Method]), and work on thousands of files at once ([Batch]).
package filesig

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"asynccrypto/async"
	"asynccrypto/cmd/asynccrypto/internal/cli"
	"asynccrypto/cmd/asynccrypto/internal/engines"
	"asynccrypto/engine"
	"asynccrypto/engine/workers"
	"asynccrypto/internal/clock"
	"asynccrypto/internal/measure"
)

const (
	// fileWorkers read and write files, which blocks. Each has one file open at a time, so at most
	// this many files are open at once.
	fileWorkers = 16
	// stopTimeout is how long an interrupted command waits for a read that hangs, on a dead
	// network file system for instance.
	stopTimeout = 2 * time.Second
)

// Batch is the work of a command on many files. Each file has a job, on two engines: one for the
// key, and one for reading and writing files.
type Batch struct {
	Command string // the command's name, for messages
	Did     string // the verb of the summary, such as signed
	Files   []string
	Method  Method
	// Bind wraps the key with the engine.
	Bind func(e *engine.Engine) error
	// Do is the body of a file's job. An error is reported with the file's name before it, and the
	// other files go on.
	Do func(f *File) error

	disk *engine.Engine
	read atomic.Int64 // bytes
}

// Run does the work. It reports the files that failed, and then a summary: as an error if a file
// failed or if ctx ended, else on std.Out. Once ctx is done no file is begun, and reading and
// computing are given up.
func (b *Batch) Run(ctx context.Context, std cli.Stdio) error {
	started := clock.Now()
	kind, err := engines.Choose("")
	if err != nil {
		return err
	}
	e, err := kind.Open(engines.Options{})
	if err != nil {
		return err
	}
	defer e.Close()
	if err := b.Bind(e); err != nil {
		return err
	}
	if b.disk, err = workers.New(workers.Options{Workers: fileWorkers}); err != nil {
		return err
	}
	defer b.closeDisk()
	r, err := measure.NewRunner(min(len(b.Files), b.Method.jobs))
	if err != nil {
		return err
	}
	var done, failed atomic.Int64
	summary := func() string {
		return fmt.Sprintf("%s %s of %s", b.Did, measure.Number(float64(done.Load())), measure.Count(len(b.Files), "file"))
	}
	p := measure.NewProgress(std.Err)
	stop := p.Every(200*time.Millisecond, func() string {
		return fmt.Sprintf("%s, %s MB read", summary(), measure.Number(float64(b.read.Load()/1e6)))
	})
	current := make([]string, r.Jobs())
	next := 0
	r.Run(func(i int) async.Func {
		if next == len(b.Files) || ctx.Err() != nil {
			return nil
		}
		f := &File{Index: next, Name: b.Files[next], batch: b, ctx: ctx}
		current[i] = f.Name
		next++
		return func(j async.Job) error {
			f.job = j
			return b.Do(f)
		}
	}, func(i int, err error) {
		switch {
		case err == nil:
			done.Add(1)
		case ctx.Err() != nil && errors.Is(err, context.Canceled): // the summary reports the interruption
		default:
			failed.Add(1)
			p.Println(std.Err, fmt.Sprintf("asynccrypto %s: %s", b.Command, cli.OneLine(fmt.Sprintf("%s: %v", current[i], err))))
		}
	})
	stop()
	err = r.Close()
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("%w: %s", context.Cause(ctx), summary())
	case failed.Load() > 0:
		return errors.New(summary())
	case err != nil:
		return err
	}
	fmt.Fprintf(std.Out, "%s in %s\n", summary(), measure.Duration(clock.Now()-started))
	return nil
}

// closeDisk waits, up to stopTimeout, for the reads that an interruption has left.
func (b *Batch) closeDisk() {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	b.disk.Shutdown(ctx)
}
