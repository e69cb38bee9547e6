package main

import (
	"os"
	"path/filepath"
)

// signTask is a file and where its signature goes.
type signTask struct{ file, signature string }

// signTasks decides where each signature goes: beside its file, or in dir. It finds out what would make the result
// depend on who is first before anything is written: two signatures in the same place, or one in the place of a file
// that is to be signed.
func signTasks(files []string, dir string) ([]signTask, error) {
	if dir != "" {
		if info, err := os.Stat(dir); err != nil {
			return nil, usagef("out %s: %w", dir, cause(err))
		} else if !info.IsDir() {
			return nil, usagef("out %s: not a directory", dir)
		}
	}
	tasks := make([]signTask, len(files))
	from := make(map[string]string, len(files)) // a signature's absolute path to its file
	inputs := make(map[string]bool, len(files))
	for i, file := range files {
		name := file + ".sig"
		if dir != "" {
			name = filepath.Join(dir, filepath.Base(file)+".sig")
		}
		tasks[i] = signTask{file, name}
		place, err := filepath.Abs(name)
		if err != nil {
			return nil, err
		}
		input, err := filepath.Abs(file)
		if err != nil {
			return nil, err
		}
		if inputs[input] {
			return nil, usagef("%s is named twice", file)
		}
		inputs[input] = true
		if other, ok := from[place]; ok {
			return nil, usagef("the signatures of %s and %s would both be %s", other, file, name)
		}
		from[place] = file
	}
	for _, t := range tasks {
		if input, err := filepath.Abs(t.file); err == nil && from[input] != "" {
			return nil, usagef("%s is to be signed, but would be overwritten by the signature of %s", t.file, from[input])
		}
	}
	return tasks, nil
}
