package serve

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// files is the visible part of -root. A file is hidden if its name, or that of a directory above
// it, begins with a dot, as .git and .env do, except .well-known (RFC 8615). Only regular files
// and directories are visible, and none outside the root, wherever a symbolic link leads.
type files struct{ root *os.Root }

func hidden(name string) bool {
	return strings.HasPrefix(name, ".") && name != "." && name != ".well-known"
}

// Open implements fs.FS. A file that can't be served does not exist.
func (f files) Open(name string) (fs.File, error) {
	missing := &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	if _, err := filepath.Localize(name); err != nil {
		return nil, missing // on Windows dir\.env is more than one name
	}
	for part := range strings.SplitSeq(name, "/") {
		if hidden(part) {
			return nil, missing
		}
	}
	// Stat comes first, because opening a named pipe would wait for a writer.
	if info, err := f.root.Stat(name); err != nil || !info.Mode().IsRegular() && !info.IsDir() {
		return nil, missing
	}
	file, err := f.root.Open(name)
	if err != nil {
		return nil, missing
	}
	return visible{file}, nil
}

// visible is a file, or a directory without its hidden entries.
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
