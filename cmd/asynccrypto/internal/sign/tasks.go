package sign

import (
	"os"
	"path/filepath"

	"asynccrypto/cmd/asynccrypto/internal/cli"
)

// task is a file and the path of its signature.
type task struct{ file, signature string }

// planTasks decides where each signature goes: beside its file, or in dir. It refuses, before
// anything is written, a list whose result would depend on the order of the work: two signatures
// at one path, or a signature at the path of a file that is to be signed.
func planTasks(files []string, dir string) ([]task, error) {
	if dir != "" {
		if info, err := os.Stat(dir); err != nil {
			return nil, cli.Usagef("out %s: %w", dir, cli.Cause(err))
		} else if !info.IsDir() {
			return nil, cli.Usagef("out %s: not a directory", dir)
		}
	}
	tasks := make([]task, len(files))
	signed := make(map[string]string, len(files)) // the absolute path of a signature to the name of its file
	inputs := make(map[string]bool, len(files))
	for i, file := range files {
		name := file + ".sig"
		if dir != "" {
			name = filepath.Join(dir, filepath.Base(file)+".sig")
		}
		tasks[i] = task{file, name}
		output, err := filepath.Abs(name)
		if err != nil {
			return nil, err
		}
		input, err := filepath.Abs(file)
		if err != nil {
			return nil, err
		}
		if inputs[input] {
			return nil, cli.Usagef("%s is named twice", file)
		}
		inputs[input] = true
		if other, ok := signed[output]; ok {
			return nil, cli.Usagef("the signatures of %s and %s would both be %s", other, file, name)
		}
		signed[output] = file
	}
	for _, t := range tasks {
		if input, err := filepath.Abs(t.file); err == nil && signed[input] != "" {
			return nil, cli.Usagef("%s is to be signed, but would be overwritten by the signature of %s", t.file, signed[input])
		}
	}
	return tasks, nil
}
