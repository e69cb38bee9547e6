//go:build linux

package provider

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"asynccrypto/internal/testwait"
)

// A site is a server program that serves TLS, and the key server that has its key. In a plain site the
// program has the key itself and does not know of the provider: it shows that a test can fail.
type site struct {
	t     *testing.T
	k     *keyServer
	key   *testKey
	plain bool
	dir   string // for its files; every user can reach it
	env   []string
	stdin bool     // whether the program has an input, which does not end
	conf  string   // the file of OPENSSL_CONF, or empty
	logs  []string // files

	addr   string                // where it serves
	mutual string                // where it wants a client certificate; may be empty
	early  string                // where it takes early data; may be empty
	ask    func(*tls.Conn) error // a request; get by default

	made atomic.Int64 // handshakes

	main *process // that was started
	pid  int      // of the main process, which may be another one
}

// newSite makes a site for a key of testKeys. Its key server is not started, so that users and sockets
// can be added.
func newSite(t *testing.T, key string, plain bool) *site {
	t.Helper()
	host := nextAddress()
	s := &site{t: t, k: newKeyServer(t), key: testKeys()[key], plain: plain, dir: newDir(t), ask: get,
		addr: host + ":4433", mutual: host + ":4434", early: host + ":4435"}
	return s
}

var addresses atomic.Int32

// nextAddress returns a loopback address that nothing else on the machine uses, so that all its ports
// are free.
func nextAddress() string {
	pid, n := os.Getpid(), addresses.Add(1)
	return fmt.Sprintf("127.%d.%d.%d", 1+(pid>>8+int(n>>7))%250, pid&0xff, 1+n&0x7f)
}

// asRoot reports whether programs can change to the user whom Debian has for them.
func asRoot() bool { return os.Getuid() == 0 }

// user returns a user of the system that the site's processes run as. The user may sign. If the test
// runs without rights, the user is its own and the result is empty.
func (s *site) user(name string) string {
	s.t.Helper()
	if !asRoot() {
		return ""
	}
	s.k.users = append(s.k.users, name)
	return name
}

// keyFile returns the handle of the site's key, or in a plain site the file with the private key.
func (s *site) keyFile() string {
	s.t.Helper()
	if s.plain {
		return keyFile(s.t, s.key.name+".pem")
	}
	return keyFile(s.t, s.key.name+".handle.pem")
}

// bothFile returns a file with the same and the certificate.
func (s *site) bothFile() string {
	s.t.Helper()
	if s.plain {
		return keyFile(s.t, s.key.name+".plain.pem")
	}
	return keyFile(s.t, s.key.name+".both.pem")
}

func (s *site) certFile() string { s.t.Helper(); return keyFile(s.t, s.key.name+".cert.pem") }
func (s *site) caFile() string   { s.t.Helper(); return keyFile(s.t, "ca.pem") }

func (s *site) path(name string) string { return filepath.Join(s.dir, name) }

// write writes a file that all can read, and returns its path.
func (s *site) write(name, text string) string {
	s.t.Helper()
	if err := os.WriteFile(s.path(name), []byte(text), 0o644); err != nil {
		s.t.Fatal(err)
	}
	return s.path(name)
}

// host returns the address without the port.
func (s *site) host() string { host, _, _ := strings.Cut(s.addr, ":"); return host }

// mkdir makes a folder that belongs to a user, and returns its path.
func (s *site) mkdir(name, user string) string {
	s.t.Helper()
	if err := os.MkdirAll(s.path(name), 0o755); err != nil {
		s.t.Fatal(err)
	}
	if user != "" {
		run(s.t, nil, "chown", user, s.path(name))
	}
	return s.path(name)
}

// chroot makes a folder for a program that enters it, as Debian's HAProxy and Postfix do. The key
// server's socket stands in it, too, at the same path as seen from inside.
func (s *site) chroot(name string) (dir string) {
	s.t.Helper()
	socket := s.mkdir(name+s.k.dir, "") + "/" + filepath.Base(s.k.socket)
	s.k.sockets = append(s.k.sockets, socket)
	return s.path(name)
}

// deadline is the provider's in the tests. They wait for a key server that comes back, on a busy machine,
// too.
const deadline = "timeout = 240000"

// useConfig has OpenSSL load the provider by OPENSSL_CONF, in the programs that are started from now on. It
// may have further lines for the provider's section.
func (s *site) useConfig(lines ...string) {
	s.t.Helper()
	if !s.plain {
		s.conf = s.k.config(plain, append(lines, deadline)...)
		s.env = append(s.env, "OPENSSL_CONF="+s.conf)
	}
}

// start starts the key server, unless the site is plain, and then the program, which must stay in the
// foreground.
func (s *site) start(name string, args ...string) {
	s.t.Helper()
	s.startKeyServer()
	cmd := lasting(s.env, name, args...)
	if s.stdin {
		if _, err := cmd.StdinPipe(); err != nil {
			s.t.Fatal(err)
		}
	}
	s.main = launch(s.t, cmd)
	s.pid = s.main.cmd.Process.Pid
	s.await()
}

// startDaemon does it for a program that returns when it has started its main process, whose number is
// in a file then.
func (s *site) startDaemon(pidFile, name string, args ...string) {
	s.t.Helper()
	s.startKeyServer()
	s.run(name, args...)
	s.awaitDaemon(pidFile)
	s.await()
}

// awaitDaemon waits until a file has the number of another main process.
func (s *site) awaitDaemon(pidFile string) {
	s.t.Helper()
	before := s.pid
	testwait.Await(s.t, "the file "+pidFile, func() bool {
		text, _ := os.ReadFile(pidFile)
		pid, _ := strconv.Atoi(strings.TrimSpace(string(text)))
		if pid > 0 {
			s.pid = pid
		}
		return s.pid != before
	})
	pid := s.pid
	s.t.Cleanup(func() { kill(pid) })
}

func (s *site) startKeyServer() {
	s.t.Helper()
	if !s.plain {
		s.k.start()
	}
}

// run runs a command with the site's environment to its end. What it says is in a file, because daemons
// keep it open.
func (s *site) run(name string, args ...string) {
	s.t.Helper()
	cmd := command(s.t, s.env, name, args...)
	log, err := os.Create(s.path("run.log"))
	if err != nil {
		s.t.Fatal(err)
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Run(); err != nil {
		s.fatal("%s %v: %v", name, args, err)
	}
}

// await waits until the site serves.
func (s *site) await() {
	s.t.Helper()
	testwait.Await(s.t, "the server at "+s.addr, func() bool {
		if s.main != nil && s.main.over() {
			s.fatal("it has ended: %v", s.main.err)
		}
		c, err := net.Dial("tcp", s.addr)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
}

// output returns all that the site has written.
func (s *site) output() string {
	var all strings.Builder
	if s.main != nil {
		all.WriteString(s.main.out.String())
	}
	for _, file := range append(s.logs, s.path("run.log")) {
		text, _ := os.ReadFile(file)
		all.Write(text)
	}
	return all.String()
}

// fatal ends the test with the last lines of the site.
func (s *site) fatal(format string, args ...any) {
	s.t.Helper()
	said := s.output()
	s.t.Fatalf("%s\n%s", fmt.Sprintf(format, args...), said[max(0, len(said)-10_000):])
}

// processes returns the site's processes.
func (s *site) processes() []int {
	s.t.Helper()
	return descendants(s.pid)
}

// descendants returns a process and all that descend from it.
func descendants(pid int) []int {
	children := map[int][]int{}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, stat := range stats {
		text, err := os.ReadFile(stat)
		if err != nil {
			continue // it has ended
		}
		// "12 (name) S 1 ...": see proc_pid_stat(5). The name may have blanks and parentheses.
		fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(stat)))
		parent, _ := strconv.Atoi(fields[1])
		if fields[0] != "Z" {
			children[parent] = append(children[parent], pid)
		}
	}
	all := []int{pid}
	for i := 0; i < len(all); i++ {
		all = append(all, children[all[i]]...)
	}
	return all
}

// kill kills a process and all that descend from it.
func kill(pid int) {
	for _, pid := range descendants(pid) {
		syscall.Kill(pid, syscall.SIGKILL)
	}
}

// signal sends a signal to the main process.
func (s *site) signal(sig syscall.Signal) {
	s.t.Helper()
	if err := syscall.Kill(s.pid, sig); err != nil {
		s.fatal("%v: %v", sig, err)
	}
}

// files returns the number of files that the site's processes have open.
func (s *site) files() (n int) {
	s.t.Helper()
	for _, pid := range s.processes() {
		open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
		if err != nil {
			s.t.Fatal(err)
		}
		n += len(open)
	}
	return n
}

// logCount returns how often a text is in the site's logs.
func (s *site) logCount(text string) int { return strings.Count(s.output(), text) }

// awaitLog waits until a text is there n times.
func (s *site) awaitLog(text string, n int) {
	s.t.Helper()
	testwait.Await(s.t, text, func() bool { return s.logCount(text) >= n })
}
