package main

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

// missing says why libcrypto's side can't be measured here, and what to do about it. It ends no run: ours is measured.
type missing struct {
	what, hint string
}

func (m *missing) Error() string { return m.what + ": " + m.hint }

const (
	hintCompiler = "install one (Debian, Ubuntu: apt install gcc; Fedora: dnf install gcc; macOS: xcode-select --install), or name yours in CC"
	hintOpenSSL  = "install them (Debian, Ubuntu: apt install libssl-dev; Fedora: dnf install openssl-devel; macOS: brew install openssl), " +
		"or name their place in CFLAGS and LDFLAGS"
)

// compileC compiles a C program and links it with libcrypto, behind what is given. The error is a *missing whatever goes
// wrong, unless ctx ends.
func compileC(ctx context.Context, dir, name string, source []byte, link ...string) (string, error) {
	cc, err := compiler()
	if err != nil {
		return "", err
	}
	src, bin := filepath.Join(dir, name+".c"), executable(dir, name+"-libcrypto")
	if err := os.WriteFile(src, source, 0o600); err != nil {
		return "", err
	}
	args := append(cc[1:], "-O2")
	args = append(args, strings.Fields(os.Getenv("CFLAGS"))...)
	args = append(args, "-o", bin, src)
	args = append(args, strings.Fields(os.Getenv("LDFLAGS"))...)
	args = append(append(args, link...), "-lcrypto")
	cmd := exec.CommandContext(ctx, cc[0], args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C") // explain reads English
	if said, err := cmd.CombinedOutput(); ctx.Err() != nil {
		return "", ctx.Err()
	} else if err != nil {
		return "", explain(cc[0], string(said), err)
	}
	return bin, nil
}

// compiler is the command of the C compiler: the words of CC, or the first that is installed.
func compiler() ([]string, error) {
	if cc := strings.Fields(os.Getenv("CC")); len(cc) > 0 {
		if _, err := exec.LookPath(cc[0]); err != nil {
			return nil, &missing{fmt.Sprintf("no C compiler named %s, as CC says", cc[0]), hintCompiler}
		}
		return cc, nil
	}
	for _, cc := range []string{"cc", "gcc", "clang"} {
		if path, err := exec.LookPath(cc); err == nil {
			return []string{path}, nil
		}
	}
	return nil, &missing{"no C compiler (cc, gcc or clang)", hintCompiler}
}

// explain reads what a compiler said when it failed. GNU and LLVM word it differently.
func explain(cc, said string, err error) *missing {
	for line := range strings.Lines(said) {
		header := strings.Contains(line, "openssl/") && strings.Contains(line, "fatal error")
		library := strings.Contains(line, "find -lcrypto") || strings.Contains(line, "library -lcrypto") ||
			strings.Contains(line, "not found for -lcrypto") || strings.Contains(line, "library 'crypto' not found")
		switch {
		case header:
			return &missing{"OpenSSL's headers are not installed", hintOpenSSL}
		case library:
			return &missing{"libcrypto's headers are here, the library to link with is not", hintOpenSSL}
		}
	}
	said = strings.TrimSpace(said)
	if said == "" {
		said = err.Error()
	}
	return &missing{"the C program did not compile", filepath.Base(cc) + " said: " + said}
}

// libcryptoVersion runs the compiled program for the first time. A libcrypto that can't be loaded, or that has no jobs
// (a system without makecontext, as musl), is a *missing too.
func libcryptoVersion(ctx context.Context, bin string) (string, error) {
	out, err := output(ctx, noPin, bin, "version")
	if err == nil {
		return strings.TrimSpace(out), nil
	}
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	const incapable = 3 // as the C programs say it
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() == incapable {
		return "", &missing{"this libcrypto has no asynchronous jobs", "ASYNC_is_capable() says so; try another build of OpenSSL with CFLAGS and LDFLAGS"}
	}
	return "", &missing{"the C program was compiled but does not run", err.Error()}
}

// measureC runs the compiled program on the given CPU; it answers with one number.
func measureC(ctx context.Context, cpu int, bin string, args ...string) (float64, error) {
	out, err := output(ctx, cpu, bin, args...)
	if err != nil {
		return 0, err
	}
	v, err := strconv.ParseFloat(strings.TrimSpace(out), 64)
	if err != nil {
		return 0, fmt.Errorf("the C program's answer to %q: %w", strings.Join(args, " "), err)
	}
	if v <= 0 && args[0] != "allocs" {
		return 0, fmt.Errorf("the C program measured %v for %q, which can't be", v, strings.Join(args, " "))
	}
	return v, nil
}
