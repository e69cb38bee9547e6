//go:build linux

package provider

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"asynccrypto/internal/testwait"
)

// haproxyConfig is for HAProxy as Debian runs it: with a master, in a chroot, as a user of its own. The
// sockets are handed to the next process by the socket of the statistics.
const haproxyConfig = `
global
    log stderr format raw daemon err
    stats socket %[1]s/admin.sock mode 660 level admin expose-fd listeners
    daemon
    %[2]s
    nbthread 2
defaults
    log global
    mode http
    timeout connect 5m
    timeout client 5m
    timeout server 5m
frontend f
    bind %[3]s ssl crt %[6]s
    bind %[4]s ssl crt %[6]s ca-file %[7]s verify required
    bind %[5]s ssl crt %[6]s allow-0rtt
    http-request return status 200 content-type text/plain string "hello"
`

// earlyThread is the provider's setting for HAProxy, which lets none of its processes begin a thread after
// it has its own, unless it runs as root or has the keyword insecure-fork-wanted.
const earlyThread = "thread = early"

// haproxy starts HAProxy, with lines for the section global.
func haproxy(s *site, global ...string) {
	s.t.Helper()
	need(s.t, "haproxy")
	if user := s.user("haproxy"); user != "" {
		global = append(global, "chroot "+s.chroot("chroot"), "user "+user, "group "+user)
	}
	config := s.write("haproxy.cfg", fmt.Sprintf(haproxyConfig, s.dir, strings.Join(global, "\n    "), s.addr, s.mutual, s.early, s.bothFile(), s.caFile()))
	s.start("haproxy", "-Ws", "-f", config, "-p", s.path("haproxy.pid"), "-S", s.path("master.sock"))
}

// reloadHAProxy has the master replace the process that serves, and waits until the new one does. A
// master that has just begun itself anew loses the signal.
func reloadHAProxy(s *site) {
	s.t.Helper()
	begun, done := s.logCount("Reloading HAProxy"), s.logCount("Loading success")
	tries := 0
	testwait.Await(s.t, "HAProxy to begin to reload", func() bool {
		if tries++; tries%100 == 1 {
			s.signal(syscall.SIGUSR2)
		}
		return s.logCount("Reloading HAProxy") > begun
	})
	s.awaitLog("Loading success", done+1)
}

func TestHAProxy(t *testing.T) {
	program{
		start: func(s *site) {
			s.useConfig(earlyThread)
			haproxy(s, "ssl-mode-async")
		},
		resumes: true, mutual: true, updates: true, early: true, jobs: true,
		reload: reloadHAProxy, times: 100,
		keys: []string{"rsa3072", "p384", "ed25519"},
	}.each(t)
}

// TestHAProxyProviderKeywords loads the provider by HAProxy's own keywords, without a configuration of
// OpenSSL. The socket is in the environment.
func TestHAProxyProviderKeywords(t *testing.T) {
	t.Parallel()
	s := newSite(t, "p256", false)
	s.env = append(s.env, "ASYNCCRYPTO_KEYSERVER="+s.k.socket)
	haproxy(s, "ssl-mode-async", "insecure-fork-wanted", "ssl-provider-path "+filepath.Dir(plain.provider(t)), "ssl-provider default", "ssl-provider asynccrypto")
	s.handshakes(repetitions(20, 200))
	s.resumes()
	s.wantsCertificates()
	s.forgets()
}

// TestHAProxyOnLibasync preloads libasync, whose count shows that each handshake was a job that paused.
func TestHAProxyOnLibasync(t *testing.T) {
	t.Parallel()
	s := newSite(t, "rsa2048", false)
	s.useConfig(earlyThread)
	haproxyOnLibasync(s)
	s.handshakes(repetitions(50, 200))
	s.survives(true)
	s.reloads(2, func() { reloadHAProxy(s) })
	s.forgets()
	if pauses, made := endHAProxy(s), int(s.made.Load()); pauses < made {
		t.Errorf("%d pauses in %d handshakes", pauses, made)
	}
}

// TestHAProxyWithoutThread has HAProxy forbid the provider its thread. No handshake fails: each blocks.
func TestHAProxyWithoutThread(t *testing.T) {
	t.Parallel()
	s := newSite(t, "p256", false)
	s.useConfig()
	s.env = append(s.env, "ASYNCCRYPTO_PROVIDER_DEBUG=1")
	haproxyOnLibasync(s)
	s.handshakes(repetitions(50, 200))
	s.survives(false)
	s.reloads(2, func() { reloadHAProxy(s) })
	s.forgets()
	if pauses := endHAProxy(s); pauses != 0 {
		t.Errorf("%d pauses", pauses)
	}
	if !strings.Contains(s.output(), "or thread to pause a job") {
		t.Errorf("it does not say why handshakes block:\n%s", s.output())
	}
}

// haproxyOnLibasync starts HAProxy with libasync, which counts its jobs.
func haproxyOnLibasync(s *site) {
	s.t.Helper()
	s.env = append(s.env, "LD_PRELOAD="+libasync(s.t), "ASYNC_STATS=1")
	haproxy(s, "ssl-mode-async")
}

// endHAProxy ends it, and returns how often its jobs have paused. All must have finished.
func endHAProxy(s *site) (pauses int) {
	s.t.Helper()
	s.main.end(syscall.SIGUSR1)
	counts := regexp.MustCompile(`libasync: process \d+: (\d+) starts, (\d+) pauses, (\d+) finishes\n`).FindAllStringSubmatch(s.output(), -1)
	if counts == nil {
		s.fatal("libasync has counted nothing")
	}
	for _, line := range counts {
		if line[1] != line[3] {
			s.t.Errorf("jobs have not finished: %s", line[0])
		}
		n, _ := strconv.Atoi(line[2])
		pauses += n
	}
	return pauses
}
