package harness

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// OpenSSL is an openssl command to measure beside.
type OpenSSL struct {
	Path    string
	Version string // as "OpenSSL 3.0.22 25 Aug 2026"
}

const hintOpenSSLCommand = "install it (Debian, Ubuntu: apt install openssl; Fedora: dnf install openssl; " +
	"macOS: brew install openssl), or name one with -openssl"

// FindOpenSSL looks for the command. The error is a [*Missing] unless ctx ends.
func FindOpenSSL(ctx context.Context, path string) (*OpenSSL, error) {
	if _, err := exec.LookPath(path); err != nil {
		return nil, &Missing{fmt.Sprintf("no command %q", path), hintOpenSSLCommand}
	}
	out, err := Output(ctx, NoPin, path, "version")
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	version, _, _ := strings.Cut(strings.TrimSpace(out), " (Library:") // which has the same version
	if err != nil || version == "" {
		return nil, &Missing{fmt.Sprintf("%s version does not answer (%v)", path, err), hintOpenSSLCommand}
	}
	return &OpenSSL{path, version}, nil
}

// Release returns the version's first two numbers, as "3.5"; empty for a command that is not
// OpenSSL.
func (o *OpenSSL) Release() string {
	name, rest, _ := strings.Cut(o.Version, " ")
	if name != "OpenSSL" {
		return ""
	}
	return Release(rest)
}

// Release returns the first two numbers of a version, as "3.5".
func Release(version string) string {
	parts := strings.SplitN(version, ".", 3)
	if len(parts) < 3 {
		return ""
	}
	return parts[0] + "." + parts[1]
}

// Speed is a measurement by openssl speed.
type Speed struct {
	Done  uint64
	Time  time.Duration
	Share float64 // of its CPU that the process had
}

// Speed has "openssl speed" sign for a second on one CPU; whole seconds are all it takes. It
// counts by the clock and not by its own CPU time, as ours is measured. The command goes on to
// other operations with the key, which take as long again, so it is stopped when it has told of
// signing. More goes into the arguments, env into the environment.
func (o *OpenSSL) Speed(ctx context.Context, cpu int, algorithm string, more, env []string) (Speed, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	args := append([]string{"speed", "-elapsed", "-mr", "-seconds", "1"}, more...)
	cmd := exec.CommandContext(ctx, o.Path, append(args, algorithm)...)
	cmd.Env = append(os.Environ(), env...)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return Speed{}, err
	}
	if err := StartOn(cpu, cmd); err != nil {
		return Speed{}, fmt.Errorf("openssl: %w", err)
	}
	var found Speed
	var said []string
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		if done, took, ok := parseSpeed(lines.Text()); ok {
			found.Done, found.Time = done, took
			break
		}
		said = append(said, lines.Text())
	}
	cmd.Process.Kill()
	cmd.Wait()
	if ctx.Err() != nil {
		return Speed{}, ctx.Err()
	}
	if found.Done == 0 {
		return Speed{}, fmt.Errorf("openssl: speed %s gave no figure; it said: %s", algorithm, strings.Join(said, "; "))
	}
	used := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	found.Share = min(1, used.Seconds()/found.Time.Seconds())
	return found, nil
}

// parseSpeed reads the line of -mr that tells of signing: +R1 is of RSA and +R5 of ECDSA. The
// signatures, the bits and the seconds follow.
func parseSpeed(line string) (done uint64, took time.Duration, ok bool) {
	fields := strings.Split(strings.TrimSpace(line), ":")
	if len(fields) != 4 || fields[0] != "+R1" && fields[0] != "+R5" {
		return 0, 0, false
	}
	done, err := strconv.ParseUint(fields[1], 10, 64)
	seconds, err2 := strconv.ParseFloat(fields[3], 64)
	if errors.Join(err, err2) != nil || done == 0 || seconds <= 0 {
		return 0, 0, false
	}
	return done, time.Duration(seconds * float64(time.Second)), true
}
