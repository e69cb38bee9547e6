package tls

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"asynccrypto/bench/internal/harness"
	"asynccrypto/bench/internal/proc"
)

const hintNginx = "install it (Debian, Ubuntu: apt install nginx; Fedora: dnf install nginx; macOS: brew install nginx)"

// nginxVersion returns the versions of nginx and of the OpenSSL in it. The error is a
// [*harness.Missing] unless ctx ends.
func nginxVersion(ctx context.Context) (string, error) {
	path, err := nginxPath()
	if err != nil {
		return "", err
	}
	said, err := exec.CommandContext(ctx, path, "-V").CombinedOutput()
	if ctx.Err() != nil {
		return "", ctx.Err()
	} else if err != nil {
		return "", &harness.Missing{What: fmt.Sprintf("nginx -V does not answer (%v)", err), Hint: hintNginx}
	}
	var name, ssl string
	for line := range strings.Lines(string(said)) {
		if v, ok := strings.CutPrefix(line, "nginx version: "); ok {
			name = strings.TrimSpace(v)
		}
		if v, ok := strings.CutPrefix(line, "built with "); ok {
			ssl = strings.TrimSpace(v)
		}
		if _, v, ok := strings.Cut(line, "(running with "); ok {
			ssl = strings.TrimSuffix(strings.TrimSpace(v), ")")
		}
	}
	if ssl == "" {
		return "", &harness.Missing{What: "nginx is built without TLS", Hint: hintNginx}
	}
	return name + " with " + ssl, nil
}

func nginxPath() (string, error) {
	path, err := exec.LookPath("nginx")
	if err == nil {
		return path, nil
	}
	if _, err := os.Stat("/usr/sbin/nginx"); err == nil { // where Debian has it; it is not in the PATH of other users than root
		return "/usr/sbin/nginx", nil
	}
	return "", &harness.Missing{What: `no command "nginx"`, Hint: hintNginx}
}

// nginxConfig has one worker, no log and no resumption, as the other servers. The rest are
// nginx's defaults.
const nginxConfig = `daemon off;
%sworker_processes 1;
pid nginx.pid;
error_log error.log error;
events {
    worker_connections 4096;
    multi_accept on;
}
http {
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    keepalive_timeout 65;
    server {
        listen %s ssl backlog=4096;
        ssl_certificate cert.pem;
        ssl_certificate_key key.pem;
        ssl_protocols TLSv1.3;
        ssl_session_cache off;
        ssl_session_tickets off;
        location / { return 200 "ok"; }
    }
}
`

// writeNginx writes a configuration into a directory of its own, and returns the address that
// it listens on.
func writeNginx(dir string, key key) (addr string, err error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	addr = ln.Addr().String()
	ln.Close() // nginx cannot be given a socket
	as := ""
	if os.Getuid() == 0 { // the worker stays root, too: it would have no right to the files
		me, err := user.Current()
		if err != nil {
			return "", err
		}
		as = "user " + me.Username + ";\n"
	}
	for name, content := range map[string][]byte{
		"nginx.conf": fmt.Appendf(nil, nginxConfig, as, addr),
		"cert.pem":   key.Cert,
		"key.pem":    key.Key,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			return "", err
		}
	}
	return addr, nil
}

func nginxCommand(dir string, args ...string) (*exec.Cmd, error) {
	path, err := nginxPath()
	if err != nil {
		return nil, err
	}
	args = append([]string{"-p", dir, "-c", "nginx.conf", "-e", "error.log"}, args...)
	return exec.Command(path, args...), nil
}

// nginx is an nginx that runs: a master and a worker.
type nginx struct {
	addr string
	dir  string
	cmd  *exec.Cmd
}

func startNginx(cpu int, key key) (*nginx, error) {
	dir, err := os.MkdirTemp("", "bench-nginx")
	if err != nil {
		return nil, err
	}
	n := &nginx{dir: dir}
	if n.addr, err = writeNginx(dir, key); err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	if n.cmd, err = nginxCommand(dir); err == nil {
		err = harness.StartOn(cpu, n.cmd)
	}
	if err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	for range 1500 {
		var c net.Conn
		if c, err = net.Dial("tcp", n.addr); err == nil {
			c.Close()
			// The master listens before it has started the worker.
			if _, _, err = n.cpu(); err == nil {
				return n, nil
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	defer n.close()
	return nil, fmt.Errorf("nginx does not start: %w", errors.Join(err, n.complained()))
}

func (n *nginx) close() {
	n.cmd.Process.Signal(os.Interrupt)
	n.cmd.Wait()
	os.RemoveAll(n.dir)
}

// complained returns the content of nginx's log of errors as an error.
func (n *nginx) complained() error {
	said, err := os.ReadFile(filepath.Join(n.dir, "error.log"))
	if err == nil && len(said) > 0 {
		err = errors.New("nginx: " + strings.TrimSpace(string(said)))
	}
	return err
}

// cpu returns how long the master and its worker have computed, and how long they have waited
// for a CPU.
func (n *nginx) cpu() (ns, waits int64, err error) {
	master := n.cmd.Process.Pid
	workers, err := proc.Children(master)
	if err != nil {
		return 0, 0, err
	}
	if len(workers) != 1 {
		return 0, 0, fmt.Errorf("nginx has %d workers", len(workers))
	}
	for _, pid := range append(workers, master) {
		_, cpu, err := proc.Stat(pid)
		if err != nil {
			return 0, 0, err
		}
		ns += cpu
		waits += proc.Waited(strconv.Itoa(pid))
	}
	return ns, waits, nil
}
