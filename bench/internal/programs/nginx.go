package programs

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"strings"

	"asynccrypto/bench/internal/harness"
)

const hintNginx = "install it (Debian, Ubuntu: apt install nginx; Fedora: dnf install nginx; macOS: brew install nginx)"

// NginxVersion returns the versions of nginx and of the OpenSSL in it. The error is a
// [*harness.Missing] unless ctx ends.
func NginxVersion(ctx context.Context) (string, error) {
	path, err := find("nginx", hintNginx)
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

// Nginx is how nginx is to run.
type Nginx struct {
	Key     Key
	Workers int
	Env     []string // beside this process's environment, as NAME=value
}

// nginxConfig has no log and no resumption. The rest are nginx's defaults.
const nginxConfig = `daemon off;
%sworker_processes %d;
pid nginx.pid;
error_log error.log error;
events {
    worker_connections 4096;
    multi_accept %s;
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

// prepare writes the configuration into a folder, and returns the server to start with it.
func (n Nginx) prepare() (*Server, error) {
	path, err := find("nginx", hintNginx)
	if err != nil {
		return nil, err
	}
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	as := ""
	if os.Getuid() == 0 { // workers stay root, too: they would have no right to the files
		me, err := user.Current()
		if err != nil {
			return nil, err
		}
		as = "user " + me.Username + ";\n"
	}
	multiAccept := "on"
	if n.Workers > 1 { // else one worker takes the connections of all
		multiAccept = "off"
	}
	dir, err := folder(map[string][]byte{
		"nginx.conf": fmt.Appendf(nil, nginxConfig, as, n.Workers, multiAccept, addr),
		"cert.pem":   n.Key.Cert,
		"key.pem":    n.Key.Key,
		"error.log":  nil,
	})
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(path, "-p", dir, "-c", "nginx.conf", "-e", "error.log")
	cmd.Env = append(cmd.Environ(), n.Env...)
	return &Server{Addr: addr, program: "nginx", dir: dir, log: "error.log", workers: n.Workers, cmd: cmd}, nil
}

// Start starts nginx on one CPU, or anywhere for [harness.NoPin].
func (n Nginx) Start(cpu int) (*Server, error) {
	s, err := n.prepare()
	if err != nil {
		return nil, err
	}
	return start(cpu, s)
}
