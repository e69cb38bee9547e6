//go:build linux

package provider

import (
	"fmt"
	"os/exec"
	"syscall"
	"testing"

	"asynccrypto/internal/testwait"
)

// nginxConfig is for nginx as Debian runs it: a daemon with a master and processes of a user without
// rights, which sign. They keep OPENSSL_CONF; a new program in the place of the old one (USR2) keeps it
// only by the line env.
const nginxConfig = `
%[1]s
worker_processes 2;
pid %[2]s/nginx.pid;
error_log %[2]s/error.log notice;
env OPENSSL_CONF;
events { }
http {
    access_log off;
    client_body_temp_path %[2]s/temp; proxy_temp_path %[2]s/temp; fastcgi_temp_path %[2]s/temp;
    uwsgi_temp_path %[2]s/temp; scgi_temp_path %[2]s/temp;
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_certificate %[6]s;
    ssl_certificate_key %[7]s;
    ssl_client_certificate %[8]s;
    default_type text/plain;
    server { listen %[3]s ssl; return 200 "hello"; }
    server { listen %[4]s ssl; ssl_verify_client on; return 200 "hello"; }
    server { listen %[5]s ssl; ssl_early_data on; return 200 "hello"; }
}
`

func nginx(s *site) {
	s.t.Helper()
	need(s.t, "nginx")
	s.useConfig()
	user := s.user("www-data")
	if user != "" {
		user = "user " + user + ";"
	}
	config := s.write("nginx.conf", fmt.Sprintf(nginxConfig, user, s.dir, s.addr, s.mutual, s.early, s.certFile(), s.keyFile(), s.caFile()))
	s.logs = append(s.logs, s.path("error.log"))
	program, _ := exec.LookPath("nginx") // its path, so that USR2 finds it
	s.startDaemon(s.path("nginx.pid"), program, "-c", config, "-g", "daemon on; master_process on;")
}

// reloadNginx waits until one of the new processes serves.
func reloadNginx(s *site) {
	s.t.Helper()
	n := s.logCount("start worker process ")
	s.signal(syscall.SIGHUP)
	s.awaitLog("start worker process ", n+2)
}

func TestNginx(t *testing.T) {
	program{start: nginx, resumes: true, mutual: true, updates: true, early: true, reload: reloadNginx, times: 100}.each(t)
}

// TestNginxUpgrade puts a new nginx into the place of the old one, under load.
func TestNginxUpgrade(t *testing.T) {
	t.Parallel()
	s := newSite(t, "p256", false)
	nginx(s)
	s.handshakes(repetitions(20, 100))
	s.reloads(1, func() {
		old := s.pid
		s.signal(syscall.SIGUSR2)
		s.awaitDaemon(s.path("nginx.pid"))
		if err := syscall.Kill(old, syscall.SIGQUIT); err != nil {
			t.Error(err)
		}
		testwait.Await(t, "the end of the old nginx", func() bool { return syscall.Kill(old, 0) == syscall.ESRCH })
	})
	s.handshakes(repetitions(20, 100))
	s.forgets()
}
