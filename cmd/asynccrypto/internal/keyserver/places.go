package keyserver

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"asynccrypto/cmd/asynccrypto/internal/cli"
	"asynccrypto/cmd/asynccrypto/internal/keyring"
)

// suffixes are those that a file's name loses to become a key's name. In a directory, files with
// other suffixes are passed over.
var suffixes = []string{".pem", ".key"}

// nameOf returns the name of the key in a file, or of one on a token, which may be empty.
func nameOf(value string) string {
	if keyring.IsToken(value) {
		return keyring.Object(value)
	}
	name := filepath.Base(value)
	for _, suffix := range suffixes {
		if short, ok := strings.CutSuffix(name, suffix); ok && short != "" {
			return short
		}
	}
	return name
}

// checkKeys checks what can be known of the keys before they are opened.
func (o *options) checkKeys() error {
	o.fallbacks = map[string]string{}
	for _, value := range slices.Concat(o.keys, o.fallbackKeys) {
		switch {
		case value == "":
			return cli.Usagef("the name of a key's file is empty")
		case keyring.IsURI(value) && !keyring.IsToken(value):
			return cli.Usagef("a key of another key server: let the clients name both servers in their URI")
		case nameOf(value) == "":
			return cli.Usagef("the URI of a key on a token needs object=, which is the key's name")
		}
	}
	for _, value := range o.fallbackKeys {
		name := nameOf(value)
		if o.fallbacks[name] != "" {
			return cli.Usagef("two of -fallback-key are named %q", name)
		}
		o.fallbacks[name] = value
	}
	return nil
}

// place is a place of a key: the value of an argument, or a file in a directory.
type place struct {
	value string
	inDir bool
}

// places returns where the keys of the arguments are now.
func (o *options) places() (all []place, err error) {
	for _, value := range o.keys {
		if info, err := os.Stat(value); keyring.IsToken(value) || err != nil || !info.IsDir() {
			all = append(all, place{value: value})
			continue
		}
		entries, err := os.ReadDir(value)
		if err != nil {
			return nil, cli.Usagef("%s: %w", value, cli.Cause(err))
		}
		for _, e := range entries {
			path := filepath.Join(value, e.Name())
			if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() || strings.HasPrefix(e.Name(), ".") ||
				!slices.Contains(suffixes, filepath.Ext(e.Name())) {
				continue
			}
			all = append(all, place{path, true})
		}
	}
	return all, nil
}

// files returns the names of all files that a reload reads, for a watch.
func (o *options) files() []string {
	files := []string{o.allow}
	for _, name := range []string{o.cert, o.key, o.clientCA} {
		if name != "" {
			files = append(files, name)
		}
	}
	places, _ := o.places() // of a directory that can't be read there are none
	for _, p := range places {
		files = append(files, p.value)
	}
	files = append(files, o.fallbackKeys...)
	return slices.DeleteFunc(files, keyring.IsToken)
}
