//go:build linux

package provider

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"strings"
	"testing"
)

// The files of Postfix. As Debian has it, smtpd runs in a chroot, as a user without rights. Postfix gives
// its processes only those variables of the environment that import_environment names. smtpd reads the
// certificate and the key before it enters the chroot.
const (
	postfixMain = `
compatibility_level = 3.6
queue_directory = %[1]s/spool
data_directory = %[1]s/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
maillog_file = /dev/stdout
inet_protocols = ipv4
myhostname = localhost
mydestination =
alias_maps =
import_environment = MAIL_CONFIG MAIL_LOGTAG TZ LANG=C POSTLOG_SERVICE POSTLOG_HOSTNAME %[2]s
smtpd_peername_lookup = no
smtpd_relay_restrictions = reject_unauth_destination
smtpd_client_connection_rate_limit = 0
smtpd_client_connection_count_limit = 0
smtpd_tls_security_level = may
smtpd_tls_cert_file = %[3]s
smtpd_tls_key_file = %[4]s
smtpd_tls_CAfile = %[5]s
smtpd_tls_protocols = >=TLSv1.2
smtpd_tls_mandatory_protocols = >=TLSv1.2
smtpd_tls_loglevel = 1
`
	postfixMaster = `
postlog   unix-dgram n -       n       -       1       postlogd
tlsmgr    unix  -       -       y       1000?   1       tlsmgr
rewrite   unix  -       -       y       -       -       trivial-rewrite
anvil     unix  -       -       y       -       1       anvil
proxymap  unix  -       -       n       -       -       proxymap
%[1]s     inet  n       -       y       -       -       smtpd
  -o smtpd_tls_wrappermode=yes
%[2]s     inet  n       -       y       -       -       smtpd
  -o smtpd_tls_wrappermode=yes -o smtpd_tls_ask_ccert=yes -o smtpd_tls_req_ccert=yes
`
)

func postfix(s *site) {
	s.t.Helper()
	if !asRoot() {
		s.t.Skip("Postfix needs root's rights")
	}
	need(s.t, "postfix")
	s.user("postfix")
	s.chroot("spool")
	s.useConfig()
	s.mkdir("data", "postfix")
	s.mkdir("etc", "")
	s.write("etc/main.cf", fmt.Sprintf(postfixMain, s.dir, strings.Join(s.env, " "), s.certFile(), s.keyFile(), s.caFile()))
	s.write("etc/master.cf", fmt.Sprintf(postfixMaster, s.addr, s.mutual))
	s.ask = quit
	s.start("postfix", "-c", s.path("etc"), "start-fg")
}

// quit reads the greeting of SMTP and says goodbye.
func quit(c *tls.Conn) error {
	lines := bufio.NewReader(c)
	for _, want := range []string{"220 ", "221 "} {
		line, err := lines.ReadString('\n')
		if err != nil {
			return err
		}
		if !strings.HasPrefix(line, want) {
			return fmt.Errorf("it says %q", line)
		}
		fmt.Fprint(c, "QUIT\r\n")
	}
	return nil
}

func TestPostfix(t *testing.T) {
	program{start: postfix, resumes: true, mutual: true}.each(t)
}
