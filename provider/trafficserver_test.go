//go:build linux

package provider

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"testing"
)

// The files of Traffic Server. As Debian runs it, a manager without a terminal starts the server, as a
// user without rights. The change of user has OpenSSL ignore OPENSSL_CONF, but the configuration can be
// named where those of engines are. Handshakes are jobs with ssl.async.handshake.enabled. The name of the client says
// whether it needs a certificate.
const (
	trafficServerRoot = `
prefix: %[1]s
exec_prefix: %[1]s
bindir: /usr/bin
sbindir: /usr/sbin
libdir: /usr/lib/trafficserver
libexecdir: /usr/lib/trafficserver/modules
datadir: %[1]s/cache
sysconfdir: %[1]s/etc
localstatedir: %[1]s
runtimedir: %[1]s/run
logdir: %[1]s/log
cachedir: %[1]s/cache
`
	trafficServerRecords = `
CONFIG proxy.config.admin.user_id STRING %[2]s
CONFIG proxy.config.exec_thread.autoconfig INT 0
CONFIG proxy.config.exec_thread.limit INT 2
CONFIG proxy.config.http.server_ports STRING 4433:ssl:ip-in=%[1]s
CONFIG proxy.config.http.cache.http INT 0
CONFIG proxy.config.http.accept_no_activity_timeout INT 600
CONFIG proxy.config.ssl.handshake_timeout_in INT 600
CONFIG proxy.config.ssl.async.handshake.enabled INT 1
CONFIG proxy.config.ssl.cert.load_elevated INT 1
CONFIG proxy.config.ssl.server.cert.path STRING /
CONFIG proxy.config.ssl.server.private_key.path STRING /
CONFIG proxy.config.ssl.CA.cert.filename STRING %[3]s
CONFIG proxy.config.ssl.CA.cert.path STRING /
CONFIG proxy.config.ssl.server.max_early_data INT 16384
%[4]s
CONFIG proxy.config.url_remap.remap_required INT 1
CONFIG proxy.config.diags.output.status STRING O
CONFIG proxy.config.diags.output.note STRING O
CONFIG proxy.config.diags.output.warning STRING O
CONFIG proxy.config.diags.output.error STRING O
CONFIG proxy.config.diags.output.fatal STRING O
`
	trafficServerNames = `
sni:
- fqdn: mutual.localhost
  verify_client: STRICT
`
)

func trafficServer(s *site) {
	s.t.Helper()
	need(s.t, "traffic_manager")
	origin, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello") })}
	go server.Serve(origin)
	s.t.Cleanup(func() { server.Close() })

	user := s.user("trafficserver")
	for _, name := range []string{"run", "log", "cache"} {
		s.mkdir(name, user)
	}
	if err := os.CopyFS(s.path("etc"), os.DirFS("/etc/trafficserver")); err != nil {
		s.t.Fatal(err)
	}
	engine := ""
	if s.useConfig(); s.conf != "" {
		engine = "CONFIG proxy.config.ssl.engine.conf_file STRING " + s.conf
	}
	s.mutual, s.early = s.addr, s.addr
	s.write("runroot.yaml", fmt.Sprintf(trafficServerRoot, s.dir))
	s.write("etc/records.config", fmt.Sprintf(trafficServerRecords, s.host(), user, s.caFile(), engine))
	s.write("etc/sni.yaml", trafficServerNames)
	s.write("etc/ssl_multicert.config", fmt.Sprintf("dest_ip=* ssl_cert_name=%s ssl_key_name=%s\n", s.certFile(), s.keyFile()))
	s.write("etc/remap.config", fmt.Sprintf("map / http://%s/\n", origin.Addr()))
	s.env = append(s.env, "TS_RUNROOT="+s.path("runroot.yaml"))
	s.logs = append(s.logs, s.path("log/diags.log"), s.path("log/traffic.out"), s.path("log/error.log"))
	s.start("traffic_manager")
}

func TestTrafficServer(t *testing.T) {
	program{start: trafficServer, resumes: true, mutual: true, updates: true, early: true, jobs: true}.each(t)
}
