package harness

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
)

// File returns the name of the result's file: the kind of CPU, the system and the subject.
func (r *Result) File() string {
	return fmt.Sprintf("%s-%s-%s.json", r.Machine.ID, strings.ReplaceAll(r.Machine.System, "/", "-"), r.Subject)
}

// Save writes the result into a folder, in place of an earlier one of the same subject on the
// same kind of CPU.
func (r *Result) Save(folder string) (path string, err error) {
	var b bytes.Buffer
	if err := writeJSON(&b, r); err != nil {
		return "", err
	}
	path = filepath.Join(folder, r.File())
	return path, os.WriteFile(path, b.Bytes(), 0o644)
}

// LoadAll reads the results in a folder, in the order of their file names.
func LoadAll(folder string) ([]*Result, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil {
		return nil, err
	}
	var all []*Result
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		r := new(Result)
		if err := json.Unmarshal(text, r); err != nil {
			return nil, fmt.Errorf("%s: %w; measure it again with -save", file, err)
		}
		if r.File() != filepath.Base(file) {
			return nil, fmt.Errorf("%s: the result in it belongs into %s", file, r.File())
		}
		all = append(all, r)
	}
	return all, nil
}

// writeJSON writes v as JSON that a person can read too.
func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// Checkout returns the root of the checkout that the program was compiled from.
func Checkout(ctx context.Context) (string, error) {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Path == "" {
		return "", errors.New("the program does not know its module; start it with go run in the checkout")
	}
	dir, err := Output(ctx, NoPin, "go", "list", "-m", "-f", "{{.Dir}}", info.Main.Path)
	if err != nil {
		return "", fmt.Errorf("finding the checkout: %w; run it there", err)
	}
	return filepath.Dir(strings.TrimSpace(dir)), nil
}
