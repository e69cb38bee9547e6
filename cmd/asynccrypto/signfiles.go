package main

import (
	"context"
	"crypto"
	"crypto/rand"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"asynccrypto/async"
	"asynccrypto/engine"
	"asynccrypto/engine/workers"
	"asynccrypto/internal/measure"
)

const (
	// maxSigning is how many files are under way at once, each as a job that costs a few KB.
	maxSigning = 1024
	// ioWorkers do what blocks: reading files and writing signatures. Each has one file open at a time, so this is also
	// the most that are open at once.
	ioWorkers = 16
	// stopLimit is how long an interrupted command waits for reads that hang, on a dead network file system say.
	stopLimit = 2 * time.Second
)

// fileSigner signs files as jobs on two engines: one for what blocks on files, one for the key.
type fileSigner struct {
	files  *engine.Engine
	signer engine.Signer
	opts   crypto.SignerOpts

	signed, failed atomic.Int64
	bytes          atomic.Int64
}

func signFiles(ctx context.Context, key crypto.Signer, opts crypto.SignerOpts, tasks []signTask, std stdio) error {
	started := time.Now()
	kind, err := chooseEngine("")
	if err != nil {
		return err
	}
	e, err := kind.open(engineOptions{})
	if err != nil {
		return err
	}
	defer e.Close()
	s := &fileSigner{opts: opts}
	if s.signer, err = e.Signer(key); err != nil {
		return err
	}
	if s.files, err = workers.New(workers.Options{Workers: ioWorkers}); err != nil {
		return err
	}
	defer s.closeFiles()
	r, err := measure.NewRunner(min(len(tasks), maxSigning))
	if err != nil {
		return err
	}
	p := newProgress(std.err)
	stop := p.every(200*time.Millisecond, func() string {
		return fmt.Sprintf("signed %s of %s, %s MB read", thousands(float64(s.signed.Load())), count(len(tasks), "file"),
			thousands(float64(s.bytes.Load()/1e6)))
	})
	current := make([]signTask, r.Jobs())
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
		case ctx.Err() != nil && errors.Is(err, context.Canceled): // told of once, at the end
		default:
			s.failed.Add(1)
			p.println(std.err, "asynccrypto sign: "+oneLine(fmt.Sprintf("%s: %v", current[i].file, err)))
		}
	})
	stop()
	err = r.Close()
	summary := fmt.Sprintf("signed %s of %s", thousands(float64(s.signed.Load())), count(len(tasks), "file"))
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("%w: %s, no signature is half written", context.Cause(ctx), summary)
	case s.failed.Load() > 0:
		return errors.New(summary)
	case err != nil:
		return err
	}
	fmt.Fprintf(std.out, "%s in %s\n", summary, shortDuration(time.Since(started)))
	return nil
}

// sign is the body of a job. It reads as if it blocked; it pauses at each step, while the engines work.
func (s *fileSigner) sign(ctx context.Context, j async.Job, task signTask) error {
	// When ctx is done reading and signing are given up, wherever in line they are. Writing is not: it is short, and
	// what was begun ends with the signature in its place.
	until := async.NewContext(ctx, j)
	var digest []byte
	err := s.files.Do(until, engine.Func(func() error {
		d, err := s.digest(ctx, task.file)
		digest = d
		return err
	}))
	if err != nil {
		return err
	}
	signature, err := s.signer.WithContext(until).Sign(rand.Reader, digest, s.opts)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.files.Do(async.NewContext(context.Background(), j), engine.Func(func() error {
		if err := writeFile(task.signature, signature); err != nil {
			return fmt.Errorf("writing %s: %w", task.signature, cause(err))
		}
		return nil
	}))
}

// digest hashes a file in pieces, however large it is.
func (s *fileSigner) digest(ctx context.Context, path string) ([]byte, error) {
	// Opening a pipe could block for ever, and a directory is better called that than whatever reading it gives.
	info, err := os.Stat(path)
	if err != nil {
		return nil, cause(err)
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("not a regular file")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, cause(err)
	}
	defer f.Close()
	h := s.opts.HashFunc().New()
	if err := s.copy(ctx, h, f); err != nil {
		return nil, cause(err)
	}
	return h.Sum(nil), nil
}

var buffers = sync.Pool{New: func() any { return new([128 << 10]byte) }}

func (s *fileSigner) copy(ctx context.Context, h hash.Hash, f *os.File) error {
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

// closeFiles waits for what is still being read after an interruption, but not for ever.
func (s *fileSigner) closeFiles() {
	ctx, cancel := context.WithTimeout(context.Background(), stopLimit)
	defer cancel()
	s.files.Shutdown(ctx)
}
