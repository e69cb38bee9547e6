// Package programs starts other people's TLS servers, as they are installed: nginx and HAProxy. Each
// serves one key at an address of its own, answers requests for / by "ok", and resumes no session.
package programs

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"asynccrypto/bench/internal/harness"
	"asynccrypto/bench/internal/proc"
)

// Server is a server that runs. Call Close when done.
type Server struct {
	Addr    string
	program string
	dir     string
	log     string // of its errors, in dir
	workers int    // its processes beside the first
	cmd     *exec.Cmd
	ended   chan struct{} // is closed when the first process has ended
}

// start starts a program that writes its errors into a log, and waits until it listens and has its
// workers. The server owns the folder.
func start(cpu int, s *Server) (*Server, error) {
	err := harness.StartOn(cpu, s.cmd)
	if err != nil {
		os.RemoveAll(s.dir)
		return nil, err
	}
	s.ended = make(chan struct{})
	go func() {
		s.cmd.Wait()
		close(s.ended)
	}()
	for range 1500 {
		select {
		case <-s.ended:
			defer s.Close()
			return nil, cmp.Or(s.Complained(), fmt.Errorf("%s has ended, and says nothing", s.program))
		default:
		}
		var c net.Conn
		if c, err = net.Dial("tcp", s.Addr); err == nil {
			c.Close()
			// The first process may listen before it has started its workers.
			if _, err = s.Processes(); err == nil {
				return s, nil
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	defer s.Close()
	return nil, fmt.Errorf("%s does not start: %w", s.program, errors.Join(err, s.Complained()))
}

// Close ends the server and removes its files.
func (s *Server) Close() {
	s.cmd.Process.Signal(os.Interrupt)
	<-s.ended
	os.RemoveAll(s.dir)
}

// Complained returns the content of the server's log of errors as an error.
func (s *Server) Complained() error {
	said, err := os.ReadFile(filepath.Join(s.dir, s.log))
	if err == nil && len(said) > 0 {
		err = errors.New(s.program + ": " + strings.TrimSpace(string(said)))
	}
	return err
}

// Processes returns the server's processes, the first one first.
func (s *Server) Processes() ([]int, error) {
	first := s.cmd.Process.Pid
	workers, err := proc.Children(first)
	if err != nil {
		return nil, err
	}
	if len(workers) != s.workers {
		return nil, fmt.Errorf("%s has %d workers, not %d", s.program, len(workers), s.workers)
	}
	return append([]int{first}, workers...), nil
}

// CPU returns how long the server's processes have computed, and how long they have waited for a
// CPU.
func (s *Server) CPU() (ns, waited int64, err error) {
	pids, err := s.Processes()
	if err != nil {
		return 0, 0, err
	}
	for _, pid := range pids {
		cpu := proc.Computed(pid)
		if cpu == 0 {
			if _, cpu, err = proc.Stat(pid); err != nil {
				return 0, 0, err
			}
		}
		ns += cpu
		waited += proc.Waited(strconv.Itoa(pid))
	}
	return ns, waited, nil
}

// find returns the path of a program. Debian has servers in a folder that is not in the PATH of other
// users than root.
func find(name, hint string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	if path := filepath.Join("/usr/sbin", name); filepath.Base(name) == name {
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	return "", &harness.Missing{What: fmt.Sprintf("no command %q", name), Hint: hint}
}

// freeAddr returns an address on which nobody listens: these programs cannot be given a socket.
func freeAddr() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer ln.Close()
	return ln.Addr().String(), nil
}

// folder makes a folder for a server with these files.
func folder(files map[string][]byte) (string, error) {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return "", err
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			os.RemoveAll(dir)
			return "", err
		}
	}
	return dir, nil
}
