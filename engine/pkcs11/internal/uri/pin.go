package uri

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// maxPIN bounds the length of a PIN that a file holds, in bytes.
const maxPIN = 1024

// fileOf returns the path of a pin-source: a file URI (RFC 8089) or an absolute path.
func fileOf(source string) (string, error) {
	if strings.HasPrefix(source, "|") {
		return "", errors.New("a command is not run: write the PIN to a file and use file:/path")
	}
	file := source
	if len(source) >= 5 && strings.EqualFold(source[:5], "file:") {
		u, err := url.Parse(source)
		if err != nil || u.Host != "" && u.Host != "localhost" || u.RawQuery != "" || u.Fragment != "" {
			return "", errors.New("it is no URI of a file of this machine: write file:/path")
		}
		file = u.Path
		if drive := strings.TrimPrefix(file, "/"); filepath.VolumeName(drive) != "" {
			file = drive // file:///C:/path has the path /C:/path
		}
	}
	if !absolute(file) || strings.ContainsRune(file, 0) {
		return "", errors.New("it is file:/path or an absolute path; the PIN itself goes into pin-value")
	}
	return file, nil
}

// PIN returns the PIN of pin-value, or reads the file of pin-source, without the line end that
// editors leave there. The slice is the caller's to wipe. If ok is false, the URI has neither.
func (u *URI) PIN() (pin []byte, ok bool, err error) {
	switch {
	case u.pinValue != nil:
		return []byte(*u.pinValue), true, nil
	case u.pinSource == "":
		return nil, false, nil
	}
	pin, err = readPIN(u.pinSource)
	if err != nil {
		return nil, true, fmt.Errorf("the file of pin-source: %w", err)
	}
	return pin, true, nil
}

// readPIN reads a file of one line. Content that cannot be a PIN is an error, because to try it
// would cost one of the tries that the token allows.
func readPIN(file string) ([]byte, error) {
	info, err := os.Stat(file)
	if err != nil {
		return nil, withoutPath(err)
	}
	if !info.Mode().IsRegular() { // a pipe could keep os.Open waiting, and gives the PIN only once
		return nil, errors.New("it is not a regular file; the PIN is read from it for each login")
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, withoutPath(err)
	}
	defer f.Close()
	b := make([]byte, maxPIN+1)
	n, err := io.ReadFull(f, b)
	if err == nil {
		clear(b)
		return nil, fmt.Errorf("it is longer than %d bytes", maxPIN)
	}
	if err != io.EOF && err != io.ErrUnexpectedEOF {
		clear(b)
		return nil, errors.New("it cannot be read")
	}
	pin := bytes.TrimSuffix(b[:n], []byte("\n"))
	pin = bytes.TrimSuffix(pin, []byte("\r"))
	switch {
	case len(pin) == 0:
		return nil, errors.New("it is empty")
	case bytes.ContainsAny(pin, "\r\n"):
		clear(b)
		return nil, errors.New("it has more than one line")
	}
	return pin, nil
}

// withoutPath returns the reason of an error of package os.
func withoutPath(err error) error {
	var e *fs.PathError
	if errors.As(err, &e) {
		return e.Err
	}
	return err
}
