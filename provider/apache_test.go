//go:build linux

package provider

import (
	"fmt"
	"syscall"
	"testing"
)

// apacheConfig is for Apache as Debian runs it: a daemon whose processes, with threads, are of a user
// without rights. The first process reads the key; the others sign.
const apacheConfig = `
ServerRoot %[1]s
ServerName localhost
PidFile %[1]s/apache2.pid
ErrorLog %[1]s/error.log
LogLevel notice
%[2]s
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule socache_shmcb_module /usr/lib/apache2/modules/mod_socache_shmcb.so
LoadModule ssl_module /usr/lib/apache2/modules/mod_ssl.so
StartServers 2
Listen %[3]s
Listen %[4]s
DocumentRoot %[1]s/www
SSLEngine on
SSLProtocol -all +TLSv1.2 +TLSv1.3
SSLSessionCache shmcb:%[1]s/sessions
SSLCertificateFile %[5]s
SSLCertificateKeyFile %[6]s
<VirtualHost %[3]s>
    SSLEngine on
</VirtualHost>
<VirtualHost %[4]s>
    SSLEngine on
    SSLCACertificateFile %[7]s
    SSLVerifyClient require
</VirtualHost>
`

func apache(s *site) {
	s.t.Helper()
	need(s.t, "apache2")
	s.useConfig()
	user := s.user("www-data")
	if user != "" {
		user = "User " + user + "\nGroup " + user
	}
	s.mkdir("www", "")
	s.write("www/hello", "hello")
	config := s.write("apache2.conf", fmt.Sprintf(apacheConfig, s.dir, user, s.addr, s.mutual, s.certFile(), s.keyFile(), s.caFile()))
	s.logs = append(s.logs, s.path("error.log"))
	s.startDaemon(s.path("apache2.pid"), "apache2", "-f", config, "-k", "start")
}

// reloadApache has the processes end when their connections do.
func reloadApache(s *site) {
	s.t.Helper()
	n := s.logCount("resuming normal operations")
	s.signal(syscall.SIGUSR1)
	s.awaitLog("resuming normal operations", n+1)
}

func TestApache(t *testing.T) {
	program{start: apache, resumes: true, mutual: true, updates: true, reload: reloadApache, times: 20}.each(t)
}
