package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// opensslSpeed is an openssl command to measure beside.
type opensslSpeed struct {
	path    string
	version string // as "OpenSSL 3.0.22 25 Aug 2026"
}

const hintOpenSSLCommand = "install it (Debian, Ubuntu: apt install openssl; Fedora: dnf install openssl; macOS: brew install openssl), or name one with -openssl"

// findOpenSSL looks for the command. A *missing ends no run.
func findOpenSSL(ctx context.Context, path string) (*opensslSpeed, error) {
	if _, err := exec.LookPath(path); err != nil {
		return nil, &missing{fmt.Sprintf("no command %q", path), hintOpenSSLCommand}
	}
	out, err := output(ctx, noPin, path, "version")
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	version, _, _ := strings.Cut(strings.TrimSpace(out), " (Library:") // it is the same one's
	if err != nil || version == "" {
		return nil, &missing{fmt.Sprintf("%s version does not answer (%v)", path, err), hintOpenSSLCommand}
	}
	return &opensslSpeed{path, version}, nil
}

// release returns the version's first two numbers, as "3.5"; empty for what is not OpenSSL.
func (o *opensslSpeed) release() string {
	name, rest, _ := strings.Cut(o.version, " ")
	if name != "OpenSSL" {
		return ""
	}
	return release(rest)
}

// release returns the first two numbers of a version, as "3.5".
func release(version string) string {
	parts := strings.SplitN(version, ".", 3)
	if len(parts) < 3 {
		return ""
	}
	return parts[0] + "." + parts[1]
}

// opensslTarget is what has to be reached beside a release. 3.0 has no kernel of this kind for RSA-3072 and 4096, 3.5 has; no
// target was set for those between.
func opensslTarget(release, algorithm string) float64 {
	switch release {
	case "3.0":
		return signTargets[algorithm].openssl30
	case "3.5":
		return signTargets[algorithm].openssl35
	}
	return 0
}

// opensslSeconds is how long it signs; whole seconds are all it takes.
const opensslSeconds = 1

// sign measures how many signatures it makes in a second, by the clock and not by its own CPU time, as ours are measured.
// It goes on to other operations with the key, which takes as long again; so it is stopped when it has told of the first.
func (o *opensslSpeed) sign(ctx context.Context, cpu int, algorithm string) (outcome, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd := exec.CommandContext(ctx, o.path, "speed", "-elapsed", "-mr", "-seconds", strconv.Itoa(opensslSeconds), algorithm)
	told, err := cmd.StderrPipe()
	if err != nil {
		return outcome{}, err
	}
	if err := startOn(cpu, cmd); err != nil {
		return outcome{}, fmt.Errorf("openssl: %w", err)
	}
	var found outcome
	var said []string
	for lines := bufio.NewScanner(told); lines.Scan(); {
		if done, took, ok := parseSpeed(lines.Text()); ok {
			found.Done, found.Time = done, took
			break
		}
		said = append(said, lines.Text())
	}
	cmd.Process.Kill()
	cmd.Wait()
	if ctx.Err() != nil {
		return outcome{}, ctx.Err()
	}
	if found.Done == 0 {
		return outcome{}, fmt.Errorf("openssl: speed %s gave no figure; it said: %s", algorithm, strings.Join(said, "; "))
	}
	used := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	found.Share = min(1, used.Seconds()/found.Time.Seconds())
	return found, nil
}

// parseSpeed reads the line of -mr that tells of signing: +R1:signatures:bits:seconds.
func parseSpeed(line string) (done uint64, took time.Duration, ok bool) {
	fields := strings.Split(strings.TrimSpace(line), ":")
	if len(fields) != 4 || fields[0] != "+R1" {
		return 0, 0, false
	}
	done, err := strconv.ParseUint(fields[1], 10, 64)
	seconds, err2 := strconv.ParseFloat(fields[3], 64)
	if errors.Join(err, err2) != nil || done == 0 || seconds <= 0 {
		return 0, 0, false
	}
	return done, time.Duration(seconds * float64(time.Second)), true
}
