package main

import (
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

// files are those of -root, as far as they are to be seen: none whose name, or a directory's above it, begins with a dot,
// as .git and .env do, but for .well-known (RFC 8615); nothing but files and directories; and nothing outside, wherever a
// symbolic link leads.
type files struct{ root *os.Root }

func newFiles(dir string) (http.Handler, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return http.FileServerFS(files{root}), nil
}

func hidden(name string) bool {
	return strings.HasPrefix(name, ".") && name != "." && name != ".well-known"
}

// Open implements fs.FS. What can't be served is not there.
func (f files) Open(name string) (fs.File, error) {
	missing := &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	if _, err := filepath.Localize(name); err != nil {
		return nil, missing // on Windows dir\.env is no single name
	}
	for part := range strings.SplitSeq(name, "/") {
		if hidden(part) {
			return nil, missing
		}
	}
	// Looked at first: to open a named pipe would wait for somebody to write to it.
	if info, err := f.root.Stat(name); err != nil || !info.Mode().IsRegular() && !info.IsDir() {
		return nil, missing
	}
	file, err := f.root.Open(name)
	if err != nil {
		return nil, missing
	}
	return visible{file}, nil
}

// visible is a directory without what is hidden in it, or a file.
type visible struct{ *os.File }

// ReadDir implements fs.ReadDirFile.
func (v visible) ReadDir(n int) ([]fs.DirEntry, error) {
	entries, err := v.File.ReadDir(n)
	shown := entries[:0]
	for _, e := range entries {
		if !hidden(e.Name()) {
			shown = append(shown, e)
		}
	}
	return shown, err
}
