package difftest

import (
	"bytes"
	_ "embed"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

//go:embed testdata/interp.c
var interpSource []byte

// errMissing is wrapped by errors that say that this machine lacks a compiler or the library.
var errMissing = errors.New("missing")

// interp is the running C program.
type interp struct {
	program, library string
	cmd              *exec.Cmd
	in               io.WriteCloser
	out              io.ReadCloser
	stderr           *bytes.Buffer
	version          version
	buf              []byte
}

// compileInterp compiles the program into dir, and returns its path.
func compileInterp(dir string) (string, error) {
	compiler, err := findCompiler()
	if err != nil {
		return "", err
	}
	source, program := filepath.Join(dir, "interp.c"), filepath.Join(dir, "interp")
	if err := os.WriteFile(source, interpSource, 0o666); err != nil {
		return "", err
	}
	out, err := exec.Command(compiler, "-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror", "-o", program, source, "-ldl").CombinedOutput()
	if err == nil {
		return program, nil
	}
	if missing := exec.Command(compiler, "-fsyntax-only", "-include", "stdio.h", "-x", "c", os.DevNull).Run(); missing != nil {
		return "", fmt.Errorf("%w: %s has no C library headers", errMissing, compiler)
	}
	return "", fmt.Errorf("compiling the interpreter: %w\n%s", err, out)
}

func findCompiler() (string, error) {
	for _, name := range []string{os.Getenv("CC"), "cc", "gcc", "clang"} {
		if path, err := exec.LookPath(name); name != "" && err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%w: a C compiler", errMissing)
}

// startInterp runs the program on a library.
func startInterp(program, library string) (*interp, error) {
	p := &interp{program: program, library: library}
	return p, p.start()
}

func (p *interp) start() (err error) {
	p.cmd = exec.Command(p.program, p.library)
	// With this variable glibc overwrites freed memory, so that no script passes by luck that uses
	// such memory.
	p.cmd.Env = append(os.Environ(), "MALLOC_PERTURB_=165")
	p.stderr = new(bytes.Buffer)
	p.cmd.Stderr = p.stderr
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return err
	}
	if p.out, err = p.cmd.StdoutPipe(); err != nil {
		return err
	}
	if err := p.cmd.Start(); err != nil {
		return err
	}
	ready, err := p.read()
	if err != nil {
		if p.cmd.ProcessState.ExitCode() == 2 {
			return fmt.Errorf("%w: %s", errMissing, strings.TrimSpace(p.stderr.String()))
		}
		return err
	}
	_, err = fmt.Sscan(string(ready), &p.version)
	return err
}

// send sends a script to the program. The next read returns its trace.
func (p *interp) send(steps []Step) error {
	p.buf = binary.LittleEndian.AppendUint32(p.buf[:0], uint32(len(steps)))
	for _, s := range steps {
		p.buf = s.appendTo(p.buf)
	}
	if _, err := p.in.Write(p.buf); err != nil {
		return p.died()
	}
	return nil
}

func (p *interp) read() ([]byte, error) {
	var size [4]byte
	if _, err := io.ReadFull(p.out, size[:]); err != nil {
		return nil, p.died()
	}
	trace := make([]byte, binary.LittleEndian.Uint32(size[:]))
	if _, err := io.ReadFull(p.out, trace); err != nil {
		return nil, p.died()
	}
	return trace, nil
}

func (p *interp) died() error {
	p.in.Close()
	p.out.Close()
	return fmt.Errorf("the C interpreter died: %w: %s", p.cmd.Wait(), p.stderr)
}

func (p *interp) stop() {
	p.in.Close()
	p.cmd.Wait()
}

// compare runs a script on both sides at the same time. After a difference the program's state is
// unknown, so compare starts another one.
func (p *interp) compare(steps []Step) (*mismatch, error) {
	err := p.send(steps)
	ours := runOn(steps, newGoSide)
	var theirs []byte
	if err == nil {
		theirs, err = p.read()
	}
	if err == nil && bytes.Equal(ours, theirs) {
		return nil, nil
	}
	if err != nil {
		theirs = fmt.Appendf(nil, "%v\n", err)
	} else {
		p.cmd.Process.Kill()
		p.stop()
	}
	return &mismatch{steps, ours, theirs}, p.start()
}
