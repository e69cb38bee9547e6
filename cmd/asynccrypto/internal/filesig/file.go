package filesig

import (
	"context"
	"errors"
	"io"
	"os"
	"sync"

	"asynccrypto/async"
	"asynccrypto/cmd/asynccrypto/internal/cli"
	"asynccrypto/engine"
)

// File is a file of a [Batch] in its job. Code in the job reads as if it blocked, but the job
// pauses at each step while an engine works.
type File struct {
	Index int // in Batch.Files
	Name  string
	batch *Batch
	ctx   context.Context // of the whole batch
	job   async.Job
}

// Context returns a context with the file's job. An operation with that context is given up when
// the batch is interrupted, even while it waits in a queue.
func (f *File) Context() context.Context { return async.NewContext(f.ctx, f.job) }

// Read calls read on one of the goroutines that access files. It is given up when the batch is
// interrupted.
func (f *File) Read(read func() error) error {
	return f.batch.disk.Do(f.Context(), engine.Func(read))
}

// Write calls write on one of the goroutines that access files, unless the batch is interrupted
// before. A write that has begun is not given up: it is short, and ends with the data in its place.
func (f *File) Write(write func() error) error {
	if err := f.ctx.Err(); err != nil {
		return err
	}
	return f.batch.disk.Do(async.NewContext(context.Background(), f.job), engine.Func(write))
}

// Digest hashes the file in pieces, however large it is. Call it in a [File.Read].
func (f *File) Digest() ([]byte, error) {
	h := f.batch.Method.newHash()
	err := OpenRegular(f.Name, func(file *os.File) error { return f.copy(h, file) })
	if err != nil {
		return nil, err
	}
	return h.Sum(nil), nil
}

// OpenRegular opens a file and calls use with it. Its errors do not name the file.
func OpenRegular(name string, use func(file *os.File) error) error {
	// Opening a pipe could block for ever, and the error from reading a directory does not say
	// that it is one.
	info, err := os.Stat(name)
	if err != nil {
		return cli.Cause(err)
	}
	if !info.Mode().IsRegular() {
		return errors.New("not a regular file")
	}
	file, err := os.Open(name)
	if err != nil {
		return cli.Cause(err)
	}
	defer file.Close()
	return cli.Cause(use(file))
}

var buffers = sync.Pool{New: func() any { return new([128 << 10]byte) }}

func (f *File) copy(h io.Writer, file *os.File) error {
	buffer := buffers.Get().(*[128 << 10]byte)
	defer buffers.Put(buffer)
	for {
		if err := f.ctx.Err(); err != nil {
			return err
		}
		n, err := file.Read(buffer[:])
		if _, err := h.Write(buffer[:n]); err != nil {
			return err
		}
		f.batch.read.Add(int64(n))
		if err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}
