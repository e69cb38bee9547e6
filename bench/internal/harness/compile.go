package harness

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// Missing says why the other side cannot be measured here, with a hint. It does not end the
// run: ours is measured alone.
type Missing struct {
	What, Hint string
}

func (m *Missing) Error() string { return m.What + ": " + m.Hint }

// IsMissing reports whether err says that the other side cannot be measured.
func IsMissing(err error) bool {
	_, ok := errors.AsType[*Missing](err)
	return ok
}

const (
	hintCompiler = "install one (Debian, Ubuntu: apt install gcc; Fedora: dnf install gcc; " +
		"macOS: xcode-select --install), or name yours in CC"
	hintOpenSSL = "install them (Debian, Ubuntu: apt install libssl-dev; Fedora: dnf install openssl-devel; " +
		"macOS: brew install openssl), or name their place in CFLAGS and LDFLAGS"
)

// Compile compiles a C program with these flags and libraries beside CFLAGS and LDFLAGS. The
// error is a [*Missing] whatever goes wrong, unless ctx ends.
func Compile(ctx context.Context, dir, name string, source []byte, flags, libraries []string) (string, error) {
	cc, err := Compiler()
	if err != nil {
		return "", err
	}
	src, bin := filepath.Join(dir, name+".c"), Executable(dir, name+"-c")
	if err := os.WriteFile(src, source, 0o600); err != nil {
		return "", err
	}
	args := append(append(cc[1:], "-O2"), flags...)
	args = append(args, strings.Fields(os.Getenv("CFLAGS"))...)
	args = append(args, "-o", bin, src)
	args = append(args, strings.Fields(os.Getenv("LDFLAGS"))...)
	args = append(args, libraries...)
	cmd := exec.CommandContext(ctx, cc[0], args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C") // explain reads English
	if said, err := cmd.CombinedOutput(); ctx.Err() != nil {
		return "", ctx.Err()
	} else if err != nil {
		return "", explain(cc[0], string(said), err)
	}
	return bin, nil
}

// Compiler returns the command of the C compiler: the words of CC, or the first compiler that
// is installed.
func Compiler() ([]string, error) {
	if cc := strings.Fields(os.Getenv("CC")); len(cc) > 0 {
		if _, err := exec.LookPath(cc[0]); err != nil {
			return nil, &Missing{fmt.Sprintf("no C compiler named %s, as CC says", cc[0]), hintCompiler}
		}
		return cc, nil
	}
	for _, cc := range []string{"cc", "gcc", "clang"} {
		if path, err := exec.LookPath(cc); err == nil {
			return []string{path}, nil
		}
	}
	return nil, &Missing{"no C compiler (cc, gcc or clang)", hintCompiler}
}

// explain reads the complaint of a compiler that failed. GNU and LLVM word it differently.
func explain(cc, said string, err error) *Missing {
	for line := range strings.Lines(said) {
		header := strings.Contains(line, "openssl/") && strings.Contains(line, "fatal error")
		library := strings.Contains(line, "find -lcrypto") || strings.Contains(line, "library -lcrypto") ||
			strings.Contains(line, "not found for -lcrypto") || strings.Contains(line, "library 'crypto' not found")
		switch {
		case header:
			return &Missing{"OpenSSL's headers are not installed", hintOpenSSL}
		case library:
			return &Missing{"libcrypto's headers are installed, but not the library to link with", hintOpenSSL}
		}
	}
	said = strings.TrimSpace(said)
	if said == "" {
		said = err.Error()
	}
	return &Missing{"the C program did not compile", filepath.Base(cc) + " said: " + said}
}

// LibcryptoVersion runs a compiled program that knows the word version, for the first time. A
// libcrypto that cannot be loaded, or that has no jobs (on a system without makecontext, such
// as musl), is a [*Missing] too.
func LibcryptoVersion(ctx context.Context, bin string) (string, error) {
	out, err := Output(ctx, NoPin, bin, "version")
	if err == nil {
		return strings.TrimSpace(out), nil
	}
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	const incapable = 3 // the exit status of the C programs
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() == incapable {
		return "", &Missing{"this libcrypto has no asynchronous jobs",
			"ASYNC_is_capable() says so; try another build of OpenSSL with CFLAGS and LDFLAGS"}
	}
	return "", &Missing{"the C program was compiled but does not run", err.Error()}
}

// MeasureC runs a compiled program on a CPU. The program answers with one number. MeasureC also
// returns the share of the CPU that it had.
func MeasureC(ctx context.Context, cpu int, bin string, args ...string) (figure, share float64, err error) {
	out, share, err := OutputShare(ctx, cpu, "", bin, args...)
	if err != nil {
		return 0, 0, err
	}
	figure, err = strconv.ParseFloat(strings.TrimSpace(out), 64)
	if err != nil {
		return 0, 0, fmt.Errorf("the C program's answer to %q: %w", strings.Join(args, " "), err)
	}
	if figure <= 0 && args[0] != "allocs" {
		return 0, 0, fmt.Errorf("the C program measured %v for %q, which is impossible", figure, strings.Join(args, " "))
	}
	return figure, share, nil
}
