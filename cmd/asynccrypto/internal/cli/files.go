package cli

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// WriteFile writes a file whole or not at all: it writes a temporary file in the same directory
// and renames it. An existing file is replaced at that moment. The data is synced before the
// rename, because otherwise a crash of the machine could leave an empty file under the new name.
// The directory is not synced: after a crash the file may be missing, as if it had not been
// written, but it is never incomplete.
func WriteFile(path string, data []byte) (err error) {
	f, err := createTemp(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// createTemp is os.CreateTemp with the permissions of an ordinary new file, because a signature
// or a plot is no secret. Its names have one short length, so that they fit into any directory
// that takes the file's own name.
func createTemp(dir string) (*os.File, error) {
	for {
		name := filepath.Join(dir, ".asynccrypto-"+rand.Text()+".tmp")
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		if !errors.Is(err, fs.ErrExist) {
			return f, err
		}
	}
}

// ReadFile returns the content of a file that has at most limit bytes: a wrong file may be larger than
// memory. The error does not name the file.
func ReadFile(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, Cause(err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, Cause(err)
	}
	if int64(len(text)) > limit {
		return nil, fmt.Errorf("larger than %d MB", limit>>20)
	}
	return text, nil
}
