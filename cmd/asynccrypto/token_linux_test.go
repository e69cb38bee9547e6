package main

import (
	"bytes"
	"context"
	"crypto"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"asynccrypto/cmd/asynccrypto/internal/tlstest"
	"asynccrypto/internal/hsmtest"
	"asynccrypto/internal/testwait"
	"asynccrypto/remote"
)

// The scripts use a token of SoftHSM with a key of each kind.
func TestTokenScripts(t *testing.T) {
	m := hsmtest.SoftHSM(t)
	keys := m.Fill(t)
	for _, script := range []string{"token", "sign"} {
		// One after the other: a login writes to the token, and SoftHSM can fail while another
		// process does that.
		t.Run(script, func(t *testing.T) { tokenScript(t, "testdata/token/"+script+".txtar", m, keys) })
	}
}

func tokenScript(t *testing.T, file string, m *hsmtest.Module, keys map[hsmtest.Kind]crypto.Signer) {
	cert, err := os.ReadFile(tlstest.NewCertificateFor(t, keys[hsmtest.P256]).File)
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Files:               []string{file},
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("GORACE", "atexit_sleep_ms=0")
			env.Setenv("SOFTHSM2_CONF", os.Getenv("SOFTHSM2_CONF"))
			env.Setenv("MODULE", m.Path)
			files := map[string][]byte{"pin": []byte(m.PIN + "\n"), "P-256.crt": cert}
			for kind, key := range keys {
				files[string(kind)+".pem"], files[string(kind)+".pub"] = pkcs8(key), public(key)
			}
			for name, text := range files {
				if err := os.WriteFile(filepath.Join(env.WorkDir, name), text, 0o600); err != nil {
					return err
				}
			}
			return nil
		},
		Cmds: scriptCommands,
	})
}

// A command tries a wrong PIN once, however many keys and sessions it has.
func TestWrongPINOnce(t *testing.T) {
	m, control := hsmtest.Proxy(t, hsmtest.SoftHSM(t))
	key := hsmtest.NewKey(t, hsmtest.P256)
	m.Import(t, "site", key)
	cert := tlstest.NewCertificateFor(t, key)
	m.PIN = "98760"
	for _, args := range [][]string{
		{"token", m.URI("")},
		{"sign", "-key", m.URI("site"), "-fallback-key", m.URI("other"), cert.File},
		{"serve", "-addr", "127.0.0.1:0", "-cert", cert.File, "-key", m.URI("site"), "-cert", cert.File, "-key", m.URI("site")},
	} {
		before := control.Calls(hsmtest.Login)
		var out bytes.Buffer
		cmd := exec.Command("asynccrypto", args...)
		cmd.Stdout, cmd.Stderr = &out, &out
		err := cmd.Run()
		exit, _ := errors.AsType[*exec.ExitError](err)
		if exit == nil || exit.ExitCode() != 2 || !strings.Contains(out.String(), "the PIN was refused: CKR_PIN_INCORRECT") || strings.Contains(out.String(), m.PIN) {
			t.Errorf("%s: %v\n%s", args[0], err, &out)
		}
		if n := control.Calls(hsmtest.Login) - before; n != 1 {
			t.Errorf("%s: %d logins", args[0], n)
		}
	}
}

var (
	soakTime    = flag.Duration("token-soak", 2*time.Second, "how long TestServeTokenOutages loads the server")
	soakClients = flag.Int("token-clients", 50, "its handshakes at a time")
)

// The server's key is on a token whose processes are killed, over and over: p11-kit's server, which is
// started again, or the helpers of the command. With a fallback in a file no handshake fails, and with
// none of them in need of a thread, the server has few threads.
func TestServeTokenOutages(t *testing.T) {
	m := hsmtest.SoftHSM(t)
	key := hsmtest.NewKey(t, hsmtest.P256)
	m.Import(t, "site", key)
	cert := tlstest.NewCertificateFor(t, key)
	t.Run("server", func(t *testing.T) {
		socket, daemon := hsmtest.Server(t, m)
		behind := *m
		behind.Path = socket
		serveOutages(t, &behind, cert, *soakTime/5, func(*servedCommand) {
			daemon.Kill()
			daemon.Start()
		})
	})
	t.Run("helpers", func(t *testing.T) {
		serveOutages(t, m, cert, *soakTime/50, (*servedCommand).killHelpers)
	})
}

// serveOutages loads the command serve, whose key is on m, and calls kill at every interval.
func serveOutages(t *testing.T, m *hsmtest.Module, cert *tlstest.Certificate, every time.Duration, kill func(*servedCommand)) {
	backend := tlstest.Listen(t, func(_ int, c net.Conn) { io.Copy(io.Discard, c) })
	s := startServeCommand(t, "-proxy", backend, "-dial-timeout", "5m", "-metrics", "127.0.0.1:0", "-key-sessions", "16",
		"-cert", cert.File, "-key", m.URI("site"), "-fallback-key", cert.KeyFile)
	s.log.Find(t, `key of \S+: on the token "hsm test" .*; if that is unavailable, or takes more than 1s, the file `, s.ended)

	// The clients wait longer than the server does, which counts the handshakes that take too long.
	load, clients := make(chan struct{}), exec.Command("asynccrypto", "handshakes", "-insecure", "-tls", "1.3",
		"-timeout", "5m", "-c", fmt.Sprint(*soakClients), "-time", soakTime.String(), s.addr)
	var out []byte
	var err error
	go func() {
		defer close(load)
		out, err = clients.CombinedOutput()
	}()
	kills, threads := 0, 0
	for done := false; !done; {
		select {
		case <-load:
			done = true
		case <-time.After(every):
			threads = max(threads, s.threads())
			kill(s)
			kills++
		}
	}
	report := regexp.MustCompile(`(?m)^[0-9,]+ full handshakes in .*; ([0-9,]+) failed$`).FindSubmatch(out)
	if err != nil || report == nil || kills == 0 {
		t.Fatalf("%d kills: %v\n%s\n%s", kills, err, out, s.log)
	}
	// On a busy machine handshakes exceed the server's time-out, which is none of the token's doing.
	failed, _ := strconv.Atoi(strings.ReplaceAll(string(report[1]), ",", ""))
	if late := s.handshakes("timed_out"); s.handshakes("failed") > 0 || failed > late {
		t.Errorf("%d kills, %d handshakes were not done in time\n%s\n%s\n%s", kills, late, out, s.log, s.metrics())
	}
	t.Logf("%d kills, at most %d threads: %s", kills, threads, report[0])
	if threads > 20 {
		t.Errorf("%d threads", threads)
	}
	// The token is used again.
	s.measured(`asynccrypto_token_up{token="hsm test"} 1`)
	s.measured(`asynccrypto_fallback_breaker_state{chain="` + cert.File + `",member="hsm test",state="closed"} 1`)
	s.measured(`asynccrypto_token_pins_refused_total{token="hsm test"} 0`)
	if !s.has(`(?m)^asynccrypto_fallback_member_operations_total{chain="\S+",member="hsm test"} [1-9]`) ||
		!s.has(`(?m)^asynccrypto_engine_operations_total{engine="pkcs11 hsm test",outcome="completed"} [1-9]`) {
		t.Error(s.metrics())
	}
	if strings.Contains(s.log.String(), "pin-value") {
		t.Error(s.log)
	}
	s.stop()
}

// A token that is down is no reason to keep an old certificate, and the log says what happened to
// it. /healthz is the server's own.
func TestServeTokenReload(t *testing.T) {
	soft := hsmtest.SoftHSM(t)
	m, control := hsmtest.Proxy(t, soft)
	key := hsmtest.NewKey(t, hsmtest.P256)
	m.Import(t, "site", key)
	cert := tlstest.NewCertificateFor(t, key)
	s := startServeCommand(t, "-metrics", "127.0.0.1:0", "-cert", cert.File, "-key", m.URI("site"), "-fallback-key", cert.KeyFile)
	served := func() []byte {
		c, err := tls.Dial("tcp", s.addr, &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatalf("%v\n%s", err, s.log)
		}
		defer c.Close()
		return c.ConnectionState().PeerCertificates[0].Raw
	}
	served()
	logins := control.Calls(hsmtest.Login)

	control.Dead(0x32) // CKR_DEVICE_REMOVED
	served()
	s.log.Find(t, `warning: pkcs11: the token is down \(token hsm test\): .*CKR_DEVICE_REMOVED`, s.ended)
	s.measured(`asynccrypto_token_up{token="hsm test"} 0`)
	if _, ok := s.get("/healthz"); !ok {
		t.Error("not healthy")
	}
	renewed := renew(t, cert, key)
	s.cmd.Process.Signal(syscall.SIGHUP)
	s.log.Find(t, `warning: key pkcs11:token=hsm%20test;object=site could not be tried: `, s.ended)
	testwait.Await(t, "the new certificate", func() bool { return bytes.Equal(served(), renewed) })

	control.Dead(0)
	s.log.Find(t, `pkcs11: the token is connected again \(token hsm test\)`, s.ended)
	s.measured(`asynccrypto_token_up{token="hsm test"} 1`)
	served()
	if n := control.Calls(hsmtest.Login); n <= logins {
		t.Errorf("%d logins after %d", n, logins)
	}
	s.stop()
}

// A server with a fallback starts while the token is away. The key is used when the token is there.
// A wrong PIN and a module that is not there are errors all the same, with exit status 2, and without
// a fallback the token's absence is one, with exit status 1.
func TestServeTokenAway(t *testing.T) {
	m, control := hsmtest.Proxy(t, hsmtest.SoftHSM(t))
	key := hsmtest.NewKey(t, hsmtest.P256)
	m.Import(t, "site", key)
	cert := tlstest.NewCertificateFor(t, key)
	fails := func(status int, want string, args ...string) {
		t.Helper()
		var out bytes.Buffer
		cmd := exec.Command("asynccrypto", append([]string{"serve", "-addr", "127.0.0.1:0", "-cert", cert.File}, args...)...)
		cmd.Stdout, cmd.Stderr = &out, &out
		err := cmd.Run()
		exit, _ := errors.AsType[*exec.ExitError](err)
		if exit == nil || exit.ExitCode() != status || !strings.Contains(out.String(), want) || strings.Contains(out.String(), "pin-value") {
			t.Errorf("%v: %v\n%s", args, err, &out)
		}
	}
	wrong, misspelt := *m, *m
	wrong.PIN, misspelt.Path = "98760", m.Path+"x"
	fails(2, "the PIN was refused", "-key", wrong.URI("site"), "-fallback-key", cert.KeyFile)
	fails(2, "no private key has object=none; there are: object=site", "-key", m.URI("none"), "-fallback-key", cert.KeyFile)
	control.Dead(0x32) // CKR_DEVICE_REMOVED
	fails(2, "no such file", "-key", misspelt.URI("site"), "-fallback-key", cert.KeyFile)
	fails(2, "attribute 1 of the URI's path", "-key", "pkcs11:tokn=t", "-fallback-key", cert.KeyFile)
	fails(1, "CKR_DEVICE_REMOVED", "-key", m.URI("site"))

	for _, args := range [][]string{{"-key", m.URI("site"), "-fallback-key", cert.KeyFile}, {"-key", cert.KeyFile, "-fallback-key", m.URI("site")}} {
		control.Dead(0x32)
		s := startServeCommand(t, append([]string{"-metrics", "127.0.0.1:0", "-cert", cert.File}, args...)...)
		served := func() {
			t.Helper()
			c, err := tls.Dial("tcp", s.addr, &tls.Config{RootCAs: cert.Pool, ServerName: "localhost"})
			if err != nil {
				t.Fatalf("%v\n%s", err, s.log)
			}
			c.Close()
		}
		served()
		s.log.Find(t, `warning: key pkcs11:token=hsm%20test;object=site is looked up later, because its place is away: .*CKR_DEVICE_REMOVED`, s.ended)
		s.measured(`asynccrypto_token_up{token="hsm test"} 0`)
		control.Dead(0)
		s.log.Find(t, `the key is used from now on: its place is there \(key pkcs11:token=hsm%20test;object=site\)`, s.ended)
		s.measured(`asynccrypto_token_up{token="hsm test"} 1`)
		served()
		if args[0] == "-key" && args[1] != cert.KeyFile {
			testwait.Await(t, "a signature by the token", func() bool {
				served()
				return s.has(`(?m)^asynccrypto_fallback_breaker_state{chain="\S+",member="hsm test",state="closed"} 1`)
			})
		}
		s.stop()
	}
}

// The fallback signs files where the token takes the login and then does not work, or where the socket
// of its server is not there.
func TestSignTokenFails(t *testing.T) {
	m, control := hsmtest.Proxy(t, hsmtest.SoftHSM(t))
	key := hsmtest.NewKey(t, hsmtest.P256)
	m.Import(t, "site", key)
	cert := tlstest.NewCertificateFor(t, key)
	control.Fail(hsmtest.Sign, 0x30, 0, 1000) // CKR_DEVICE_ERROR
	server := *m
	server.Path = filepath.Join(t.TempDir(), "pkcs11")
	for _, test := range []struct {
		uri, want string
	}{{m.URI("site"), "CKR_DEVICE_ERROR"}, {server.URI("site"), "is the p11-kit server running"}} {
		for status, args := range [][]string{
			{"-key", test.uri, "-fallback-key", cert.KeyFile},
			{"-key", test.uri},
		} {
			// One session: SoftHSM answers CKR_GENERAL_ERROR to a process while another one logs in.
			cmd := exec.Command("asynccrypto", append([]string{"sign", "-key-sessions", "1", "-out", t.TempDir(), cert.File}, args...)...)
			out, err := cmd.CombinedOutput()
			if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != status || !bytes.Contains(out, []byte(test.want)) || bytes.Contains(out, []byte("pin-value")) {
				t.Errorf("%q: %v\n%s", args, err, out)
			}
		}
	}
}

// NSS needs its configuration from -key-init-args, and SoftHSM beside it must not get it.
func TestInitArgs(t *testing.T) {
	nss, soft := hsmtest.NSS(t), hsmtest.SoftHSM(t)
	key := hsmtest.NewKey(t, hsmtest.P256)
	nss.Import(t, "site", key)
	soft.Import(t, "site", key)
	cert := tlstest.NewCertificateFor(t, key)
	for _, test := range []struct {
		status int
		want   string
		args   []string
	}{
		{2, "-key-init-args", []string{"token", nss.URI("site")}},
		{0, "verified", []string{"token", "-time", "1ms", "-key-init-args", nss.InitArgs, nss.URI("site")}},
		{0, "signed 1 of 1", []string{"sign", "-key-init-args", nss.InitArgs, "-key", nss.URI("site"), "-out", t.TempDir(), cert.File}},
		{0, "per sec", []string{"speed", "-time", "1ms", "-async-jobs", "1", "-key-init-args", nss.InitArgs, "-key", nss.URI("site")}},
		{2, "-key-init-args", []string{"sign", "-key-init-args", nss.InitArgs, "-key", nss.URI("site"), "-fallback-key", soft.URI("site"), cert.File}},
		{0, "signed 1 of 1", []string{"sign", "-key-init-args", nss.Path + "=" + nss.InitArgs, "-key", nss.URI("site"), "-fallback-key", soft.URI("site"),
			"-out", t.TempDir(), cert.File}},
	} {
		cmd := exec.Command("asynccrypto", test.args...)
		out, err := cmd.CombinedOutput()
		if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != test.status || !bytes.Contains(out, []byte(test.want)) {
			t.Errorf("%q: %v\n%s", test.args, err, out)
		}
	}
	s := startServeCommand(t, "-metrics", "127.0.0.1:0", "-cert", cert.File, "-key-init-args", nss.InitArgs, "-key", nss.URI("site"))
	s.measured(`asynccrypto_token_up{token="` + nss.Label + `"} 1`)
	s.stop()
}

// renew replaces the file of a certificate by that of a new one for the same key, and returns it.
func renew(t *testing.T, cert *tlstest.Certificate, key crypto.Signer) []byte {
	t.Helper()
	next := tlstest.NewCertificateFor(t, key)
	if err := os.Rename(next.File, cert.File); err != nil {
		t.Fatal(err)
	}
	return next.Certificate.Certificate[0]
}

// servedCommand is the command serve under test.
type servedCommand struct {
	t           *testing.T
	cmd         *exec.Cmd
	log         *testwait.Log
	addr, stats string
	ended       chan struct{}
	err         error
}

func startServeCommand(t *testing.T, args ...string) *servedCommand {
	t.Helper()
	s := &servedCommand{t: t, log: new(testwait.Log), ended: make(chan struct{})}
	s.cmd = exec.Command("asynccrypto", append([]string{"serve", "-addr", "127.0.0.1:0"}, args...)...)
	s.cmd.Stderr = s.log
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(s.ended)
		s.err = s.cmd.Wait()
	}()
	t.Cleanup(func() {
		s.cmd.Process.Kill()
		<-s.ended
	})
	s.stats = s.log.Find(t, `metrics at http://(\S+)/metrics`, s.ended)[1]
	s.addr = s.log.Find(t, `listening on (\S+)`, s.ended)[1]
	return s
}

// stop ends the command, which should say that all went well.
func (s *servedCommand) stop() {
	s.t.Helper()
	s.cmd.Process.Signal(syscall.SIGTERM)
	<-s.ended
	if s.err != nil {
		s.t.Errorf("%v\n%s", s.err, s.log)
	}
}

// handshakes returns how many handshakes have ended so.
func (s *servedCommand) handshakes(outcome string) int {
	s.t.Helper()
	line := regexp.MustCompile(`(?m)^asynccrypto_server_handshakes_total\{outcome="` + outcome + `",server="proxy"\} (\d+)$`)
	n, err := strconv.Atoi(line.FindStringSubmatch(s.metrics())[1])
	if err != nil {
		s.t.Error(err)
	}
	return n
}

// killHelpers kills two of the command's helpers at once.
func (s *servedCommand) killHelpers() {
	pids := hsmtest.Helpers(s.t, s.cmd.Process.Pid)
	rand.Shuffle(len(pids), func(i, j int) { pids[i], pids[j] = pids[j], pids[i] })
	for _, pid := range pids[:min(len(pids), 2)] {
		syscall.Kill(pid, syscall.SIGKILL)
	}
}

func (s *servedCommand) threads() int {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		s.t.Error(err)
		return 0
	}
	n, _ := strconv.Atoi(string(regexp.MustCompile(`Threads:\t(\d+)`).FindSubmatch(status)[1]))
	return n
}

func (s *servedCommand) get(path string) (body string, ok bool) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	request, _ := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.stats+path, nil)
	r, err := http.DefaultClient.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(text), r.StatusCode == http.StatusOK
}

func (s *servedCommand) metrics() string {
	s.t.Helper()
	text, _ := s.get("/metrics")
	return text
}

func (s *servedCommand) has(pattern string) bool {
	s.t.Helper()
	return regexp.MustCompile(pattern).MatchString(s.metrics())
}

// measured waits until the metrics have a line.
func (s *servedCommand) measured(line string) {
	s.t.Helper()
	testwait.Await(s.t, line, func() bool { return s.has("(?m)^" + regexp.QuoteMeta(line) + "$") })
}

// A key server signs with a key on a token by the token's own engine, and with a key in a file by the
// engine of those. While the token is away the fallback in a file signs.
func TestKeyServerToken(t *testing.T) {
	m, control := hsmtest.Proxy(t, hsmtest.SoftHSM(t))
	key := hsmtest.NewKey(t, hsmtest.P256)
	m.Import(t, "site", key)
	k := newKeyServer(t)
	fallback, err := os.ReadFile(tlstest.NewCertificateFor(t, key).KeyFile)
	if err == nil {
		err = errors.Join(os.WriteFile(filepath.Join(k.dir, "site.pem"), fallback, 0o600),
			os.WriteFile(k.allow, fmt.Appendf(nil, "allow uid:%d sign web site\n", os.Getuid()), 0o600))
	}
	if err != nil {
		t.Fatal(err)
	}
	c := k.start(t, "-unix", k.socket, "-metrics", "127.0.0.1:0", "-fallback-key", filepath.Join(k.dir, "site.pem"), m.URI("site"))
	metrics := c.find(`metrics at (http://\S+)`)[1]
	c.find("listening on unix:")
	completed := func() (counts []string) {
		t.Helper()
		answer, err := http.Get(metrics)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		for _, engine := range []string{"pkcs11 hsm test", "[a-z]+"} { // the token's, and that of files
			count := regexp.MustCompile(`(?m)^asynccrypto_engine_operations_total{engine="` + engine + `",outcome="completed"} ([0-9]+)$`).FindSubmatch(text)
			if count == nil {
				t.Fatalf("no figures of the engine %q\n%s", engine, text)
			}
			counts = append(counts, string(count[1]))
		}
		return counts
	}
	e, err := remote.New(remote.Config{Nodes: []string{"unix:" + k.socket}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	sign := func(name string) {
		t.Helper()
		ctx, cancel := context.WithDeadline(t.Context(), testwait.Limit())
		defer cancel()
		s, err := e.Signer(ctx, name)
		if err == nil {
			_, err = s.WithContext(ctx).Sign(nil, make([]byte, 32), crypto.SHA256)
		}
		if err != nil {
			t.Errorf("%s: %v\n%s", name, err, c.log)
		}
	}
	before := completed() // some may be the server's own, which tries a key
	sign("site")
	byToken := completed()
	if byToken[0] == before[0] || byToken[1] != before[1] {
		t.Errorf("with the key on the token: %q, then %q", before, byToken)
	}
	sign("web")
	byFile := completed()
	if byFile[0] != byToken[0] || byFile[1] == byToken[1] {
		t.Errorf("with the key in a file: %q, then %q", byToken, byFile)
	}
	control.Dead(0x32) // CKR_DEVICE_REMOVED
	sign("site")
	if now := completed(); now[1] == byFile[1] {
		t.Errorf("while the token is away: %q, then %q", byFile, now)
	}
	if strings.Contains(c.log.String(), m.PIN) {
		t.Error(c.log)
	}
	c.stop()
}
