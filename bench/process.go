package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// noPin is the CPU of a process that may run anywhere.
const noPin = -1

// output runs a program on one CPU, or anywhere for noPin, and returns what it wrote. What it complained about is in
// the error, which wraps the exec.ExitError.
func output(ctx context.Context, cpu int, name string, args ...string) (string, error) {
	return outputOf(ctx, cpu, "", name, args...)
}

// outputOf is output for a program that reads its standard input.
func outputOf(ctx context.Context, cpu int, input, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdin = strings.NewReader(input)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := startOn(cpu, cmd)
	if err == nil {
		err = cmd.Wait()
	}
	if err == nil {
		return stdout.String(), nil
	}
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	// A failed benchmark complains on stdout, as every Go test does.
	said := strings.TrimSpace(stderr.String() + "\n" + stdout.String())
	if _, exited := errors.AsType[*exec.ExitError](err); exited && said != "" {
		return "", fmt.Errorf("%s: %w: %s", filepath.Base(name), err, said)
	}
	return "", fmt.Errorf("%s: %w", filepath.Base(name), err)
}

// executable is a program's file name on this system.
func executable(dir, name string) string {
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	return filepath.Join(dir, name)
}
