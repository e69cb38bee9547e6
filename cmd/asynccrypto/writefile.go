package main

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// writeFile writes a file whole or not at all: under a temporary name in the same directory, which it then renames. A
// file that is there already is replaced in that moment. The data is synced before the rename, for otherwise a crash of
// the machine could leave the new name on an empty file. The directory is not synced: after a crash the file may be
// missing, as if it had not been written, but it is never half there.
func writeFile(path string, data []byte) (err error) {
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

// createTemp is os.CreateTemp with the permissions of an ordinary new file, as a signature is nothing secret. Its names
// are short whatever the file's own is, so that they fit wherever that fits.
func createTemp(dir string) (*os.File, error) {
	for {
		name := filepath.Join(dir, ".asynccrypto-"+rand.Text()+".tmp")
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		if !errors.Is(err, fs.ErrExist) {
			return f, err
		}
	}
}
