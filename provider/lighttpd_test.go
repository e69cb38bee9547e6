//go:build linux

package provider

import (
	"fmt"
	"testing"
)

// lighttpdConfig is for lighttpd as Debian runs it, as a user without rights. The handle has a file of
// its own: it could also stand before the certificates, but not behind them.
const lighttpdConfig = `
server.modules = ( "mod_openssl" )
server.document-root = "%[1]s/www"
server.pid-file = "%[1]s/lighttpd.pid"
%[2]s
server.bind = "%[3]s"
server.port = 4433
ssl.engine = "enable"
ssl.pemfile = "%[5]s"
ssl.privkey = "%[6]s"
ssl.ca-file = "%[7]s"
ssl.openssl.ssl-conf-cmd = ( "MinProtocol" => "TLSv1.2" )
$SERVER["socket"] == "%[4]s" {
    ssl.engine = "enable"
    ssl.pemfile = "%[5]s"
    ssl.privkey = "%[6]s"
    ssl.verifyclient.activate = "enable"
    ssl.verifyclient.enforce = "enable"
    ssl.verifyclient.ca-file = "%[7]s"
}
`

func lighttpd(s *site) {
	s.t.Helper()
	need(s.t, "lighttpd")
	s.useConfig()
	user := s.user("www-data")
	if user != "" {
		user = fmt.Sprintf("server.username = %q\nserver.groupname = %q", user, user)
	}
	s.mkdir("www", "")
	s.write("www/hello", "hello")
	config := s.write("lighttpd.conf", fmt.Sprintf(lighttpdConfig, s.dir, user, s.host(), s.mutual, s.certFile(), s.keyFile(), s.caFile()))
	s.start("lighttpd", "-D", "-f", config)
}

func TestLighttpd(t *testing.T) {
	program{start: lighttpd, resumes: true, mutual: true, updates: true}.each(t)
}
