package harness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// NoPin is the CPU of a process that may run anywhere.
const NoPin = -1

// Output runs a program on one CPU, or anywhere for [NoPin], and returns its standard output.
// If the program fails the error has its complaint, and wraps the exec.ExitError.
func Output(ctx context.Context, cpu int, name string, args ...string) (string, error) {
	out, _, err := OutputShare(ctx, cpu, "", name, args...)
	return out, err
}

// OutputShare is Output for a program that reads input. It also returns the share of its CPU
// that the process had, 0 for one that is not pinned.
func OutputShare(ctx context.Context, cpu int, input, name string, args ...string) (out string, share float64, err error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdin = strings.NewReader(input)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	begun := time.Now()
	if err = StartOn(cpu, cmd); err == nil {
		err = cmd.Wait()
	}
	if err == nil {
		if cpu != NoPin {
			used := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
			share = min(1, used.Seconds()/time.Since(begun).Seconds())
		}
		return stdout.String(), share, nil
	}
	if ctx.Err() != nil {
		return "", 0, ctx.Err()
	}
	// A failed benchmark complains on stdout, as every Go test does.
	said := strings.TrimSpace(stderr.String() + "\n" + stdout.String())
	if _, exited := errors.AsType[*exec.ExitError](err); exited && said != "" {
		return "", 0, fmt.Errorf("%s: %w: %s", filepath.Base(name), err, said)
	}
	return "", 0, fmt.Errorf("%s: %w", filepath.Base(name), err)
}

// Executable returns a program's file name on this system.
func Executable(dir, name string) string {
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	return filepath.Join(dir, name)
}

// CopyOfThis copies this program into a folder. Where the pages of its code lie in memory is a
// matter of luck that lasts as long as the file is cached, and it was seen to change the speed
// of the largest kernels by a third. A subject therefore takes a new copy in every round, and
// the median shows the usual speed.
func CopyOfThis(dir string) (string, error) {
	this, err := os.Executable()
	if err != nil {
		return "", err
	}
	path := Executable(dir, "measured")
	return path, CopyProgram(path, this)
}

// CopyProgram copies an executable file.
func CopyProgram(to, from string) error {
	program, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, program, 0o700)
}
