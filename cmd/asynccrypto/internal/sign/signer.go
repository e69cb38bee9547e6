package sign

import (
	"context"
	"crypto"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
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
	// maxSigning is how many files are in work at once. Each has a job, which costs a few KB.
	maxSigning = 1024
	// fileWorkers read files and write signatures, which blocks. Each has one file open at a
	// time, so at most this many files are open at once.
	fileWorkers = 16
	// stopTimeout is how long an interrupted command waits for a read that hangs, on a dead
	// network file system for instance.
	stopTimeout = 2 * time.Second
)

// fileSigner signs files as jobs on two engines: one for the key, and one for reading and writing
// files.
type fileSigner struct {
	files  *engine.Engine
	signer engine.Signer
	method method

	signed, failed atomic.Int64
	bytes          atomic.Int64
}

func signFiles(ctx context.Context, key crypto.Signer, m method, tasks []task, std cli.Stdio) error {
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
	s := &fileSigner{method: m}
	if s.signer, err = e.Signer(key); err != nil {
		return err
	}
	if s.files, err = workers.New(workers.Options{Workers: fileWorkers}); err != nil {
		return err
	}
	defer s.closeFiles()
	r, err := measure.NewRunner(min(len(tasks), maxSigning))
	if err != nil {
		return err
	}
	p := measure.NewProgress(std.Err)
	stop := p.Every(200*time.Millisecond, func() string {
		return fmt.Sprintf("signed %s of %s, %s MB read", measure.Number(float64(s.signed.Load())), measure.Count(len(tasks), "file"),
			measure.Number(float64(s.bytes.Load()/1e6)))
	})
	current := make([]task, r.Jobs())
	next := 0
	r.Run(func(i int) async.Func {
		if next == len(tasks) || ctx.Err() != nil {
			return nil
		}
		task := tasks[next]
		current[i] = task
		next++
		return func(j async.Job) error { return s.sign(ctx, j, task) }
	}, func(i int, err error) {
		switch {
		case err == nil:
			s.signed.Add(1)
		case ctx.Err() != nil && errors.Is(err, context.Canceled): // the summary reports the interruption
		default:
			s.failed.Add(1)
			p.Println(std.Err, "asynccrypto sign: "+cli.OneLine(fmt.Sprintf("%s: %v", current[i].file, err)))
		}
	})
	stop()
	err = r.Close()
	summary := fmt.Sprintf("signed %s of %s", measure.Number(float64(s.signed.Load())), measure.Count(len(tasks), "file"))
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("%w: %s, no signature is half written", context.Cause(ctx), summary)
	case s.failed.Load() > 0:
		return errors.New(summary)
	case err != nil:
		return err
	}
	fmt.Fprintf(std.Out, "%s in %s\n", summary, measure.Duration(clock.Now()-started))
	return nil
}

// sign is the body of a job. It reads as if it blocked, but the job pauses at each step while the
// engines work.
func (s *fileSigner) sign(ctx context.Context, j async.Job, task task) error {
	// Once ctx is done, reading and signing are given up, also those that still wait in a queue.
	// Writing is not given up: it is short, and a write that has begun ends with the signature in
	// its place.
	jobCtx := async.NewContext(ctx, j)
	var digest []byte
	err := s.files.Do(jobCtx, engine.Func(func() error {
		d, err := s.digest(ctx, task.file)
		digest = d
		return err
	}))
	if err != nil {
		return err
	}
	signature, err := s.signer.WithContext(jobCtx).Sign(rand.Reader, digest, s.method.opts)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.files.Do(async.NewContext(context.Background(), j), engine.Func(func() error {
		if err := cli.WriteFile(task.signature, signature); err != nil {
			return fmt.Errorf("writing %s: %w", task.signature, cli.Cause(err))
		}
		return nil
	}))
}

// digest hashes a file in pieces, however large it is.
func (s *fileSigner) digest(ctx context.Context, path string) ([]byte, error) {
	// Opening a pipe could block for ever, and the error from reading a directory does not say
	// that it is one.
	info, err := os.Stat(path)
	if err != nil {
		return nil, cli.Cause(err)
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("not a regular file")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, cli.Cause(err)
	}
	defer f.Close()
	h := s.method.newHash()
	if err := s.copy(ctx, h, f); err != nil {
		return nil, cli.Cause(err)
	}
	return h.Sum(nil), nil
}

var buffers = sync.Pool{New: func() any { return new([128 << 10]byte) }}

func (s *fileSigner) copy(ctx context.Context, h io.Writer, f *os.File) error {
	buffer := buffers.Get().(*[128 << 10]byte)
	defer buffers.Put(buffer)
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := f.Read(buffer[:])
		h.Write(buffer[:n])
		s.bytes.Add(int64(n))
		if err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// closeFiles waits, up to stopTimeout, for the reads that an interruption has left.
func (s *fileSigner) closeFiles() {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	s.files.Shutdown(ctx)
}
