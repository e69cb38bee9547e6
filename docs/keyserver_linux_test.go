package docs_test

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"asynccrypto/internal/testwait"
)

const keyServerPage = "docs/guide/09-keyserver.md"

// TestKeyServerPage runs the commands of the page on key servers in one shell, in their order. The
// page's net/http program and serve, whose key the nodes have, answer each request while the nodes are
// restarted one after another.
func TestKeyServerPage(t *testing.T) {
	for _, program := range []string{"bash", "openssl", "curl"} {
		if _, err := exec.LookPath(program); err != nil && os.Getenv("CI") != "true" {
			t.Skip(err)
		}
	}
	s := newShell(t, keyServerPage)
	// The page's ports may be taken.
	for _, port := range []string{"7071", "7072", "7073", "8443", "9071", "9443"} {
		s.replace = append(s.replace, "localhost:"+port, freeAddress(t))
	}
	output(t, "..", "go", "build", "-pgo=off", "-o", s.dir, "./cmd/asynccrypto")

	s.runAll(t, "socket")
	if got, want := s.run(t, "asynccrypto keyserver handle web.key | head -n 1"), "-----BEGIN ASYNCCRYPTO KEY-----\n"; got != want {
		t.Errorf("handle prints %q", got)
	}
	listed := s.runAll(t, "fleet")
	if n := strings.Count(listed, "  up\n"); n != 3 || !strings.Contains(listed, "sign:tls13-server") {
		t.Errorf("%d nodes are up, want 3:\n%s", n, listed)
	}
	if got, want := s.runAll(t, "request"), "allow dns:app sign:tls13-server web\n"; got != want {
		t.Errorf("serve answers %q, want %q", got, want)
	}

	figures := s.run(t, "curl -s http://"+s.address("localhost:9071")+"/metrics http://"+s.address("localhost:9443")+"/metrics")
	for _, name := range regexp.MustCompile(`asynccrypto_(?:remote|keyserver)_[a-z0-9_]+`).FindAllString(read(t, filepath.Join("..", keyServerPage)), -1) {
		if !strings.Contains(figures, "\n"+name+"{") {
			t.Errorf("no server has the metric %s", name)
		}
	}

	server := filepath.Join(newWorkspace(t), "server")
	writeProgram(t, server, programWith(t, keyServerPage, `http\.Server\{`, `remote\.New\(`))
	output(t, server, "go", "build", "-o", filepath.Join(s.dir, "server"), ".")
	local := start(t, s.dir)
	url := start(t, s.dir, "NODES="+s.run(t, "echo -n $NODES"))
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(read(t, filepath.Join(s.dir, "web.pem"))))
	client := &http.Client{Transport: &http.Transport{
		TLSClientConfig:   &tls.Config{RootCAs: roots},
		DisableKeepAlives: true, // so that each request has a handshake
	}}
	get := func(url string) (string, error) {
		answer, err := client.Get(url)
		if err != nil {
			return "", err
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		return string(text), err
	}
	if text, err := get(local); err != nil || !strings.HasPrefix(text, "local: up true, ") {
		t.Errorf("with the key in the process: %q, %v", text, err)
	}

	stop := make(chan struct{})
	var clients sync.WaitGroup
	var answered atomic.Int64
	for _, url := range []string{url, "https://" + s.address("localhost:8443") + "/allow"} {
		clients.Go(func() {
			for n := 0; ; n++ {
				if _, err := get(url); err != nil {
					t.Errorf("request %d: %v", n, err)
					return
				}
				answered.Add(1)
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	up := func(want int) {
		t.Helper()
		testwait.Await(t, fmt.Sprintf("%d nodes that are up", want), func() bool {
			text, err := get(url)
			return err == nil && strings.Count(text, "up true") == want
		})
	}
	up(3)
	second := s.commands(t, "restart") // of the second node, which is the second job
	for n := 1; n <= 3; n++ {
		commands := strings.NewReplacer("%2", "%"+strconv.Itoa(n), "7072", "707"+strconv.Itoa(n), "audit2", "audit"+strconv.Itoa(n)).Replace(second)
		s.lines(t, commands)
		up(3)
	}
	close(stop)
	clients.Wait()

	var signed int64
	for n := 1; n <= 3; n++ {
		name := fmt.Sprintf("audit%d.log", n)
		for line := range strings.Lines(read(t, filepath.Join(s.dir, name))) {
			var record struct{ Peer, Key, Context, Result string }
			if err := json.Unmarshal([]byte(line), &record); err != nil {
				t.Errorf("%s: %v: %s", name, err, line)
			} else if record.Peer != "dns:app" || record.Key != "web" || record.Context != "tls13-server" || record.Result != "ok" {
				t.Errorf("%s: %s", name, line)
			}
			signed++
		}
	}
	if n := answered.Load(); n < 6 || signed < n {
		t.Errorf("%d requests were answered, and the audit logs have %d signatures", n, signed)
	}
}

// freeAddress returns an address of this machine at which nothing listens.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return fmt.Sprintf("localhost:%d", l.Addr().(*net.TCPAddr).Port)
}

// shell is a bash in a folder of its own, in which the commands of a page are run one after another.
type shell struct {
	page    string // its path from the root of the checkout
	dir     string
	replace []string // texts of the page, each before the text that takes its place
	in      io.Writer
	out     *bufio.Reader
	started int // in the background
}

// newShell starts a shell. With the test it ends, and the programs that it has started.
func newShell(t *testing.T, page string) *shell {
	t.Helper()
	s := &shell{page: page, dir: t.TempDir()}
	cmd := exec.Command("bash")
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "PATH="+s.dir+":"+os.Getenv("PATH"))
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	s.in, s.out = in, bufio.NewReader(out)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	watchdog := time.AfterFunc(time.Until(testwait.Limit()), func() { cmd.Process.Kill() })
	t.Cleanup(func() {
		defer watchdog.Stop()
		io.WriteString(in, "kill -KILL $(jobs -p)\n")
		in.Close()
		cmd.Wait() // its status is that of the kill
		if t.Failed() {
			logs, _ := filepath.Glob(filepath.Join(s.dir, "job*.txt"))
			for _, name := range logs {
				t.Logf("%s:\n%s", filepath.Base(name), read(t, name))
			}
		}
	})
	return s
}

// address returns the address that takes the place of one on the page.
func (s *shell) address(onPage string) string {
	return strings.NewReplacer(s.replace...).Replace(onPage)
}

// commands returns the commands after the comment of the test and this name on the page.
func (s *shell) commands(t *testing.T, name string) string {
	t.Helper()
	_, text, ok := strings.Cut(read(t, filepath.Join("..", s.page)), "\n<!-- commands of "+t.Name()+", "+name+" -->\n\n")
	if !ok {
		t.Fatalf("the page has no commands of the name %s", name)
	}
	block := regexp.MustCompile(`\A(?:(?:    .*)?\n)+`).FindString(text)
	return strings.ReplaceAll(strings.ReplaceAll("\n"+block, "\n    ", "\n"), "\\\n", "")
}

// runAll runs the commands of a name on the page, and returns what they print.
func (s *shell) runAll(t *testing.T, name string) string {
	t.Helper()
	return s.lines(t, s.commands(t, name))
}

// lines runs commands of a line each, or of several up to END, whose text is the input.
func (s *shell) lines(t *testing.T, commands string) string {
	t.Helper()
	var out strings.Builder
	for _, command := range regexp.MustCompile(`(?m)^.*<<'?END'?\n(?:.*\n)*?END$|^.+$`).FindAllString(s.address(commands), -1) {
		out.WriteString(s.run(t, command))
	}
	return out.String()
}

// run runs a command, which should succeed, and returns what it prints. A server, which is started in
// the background, listens when run returns.
func (s *shell) run(t *testing.T, command string) string {
	t.Helper()
	log := filepath.Join(s.dir, "job.txt")
	server, background := strings.CutSuffix(command, " &")
	if background {
		s.started++
		log = filepath.Join(s.dir, fmt.Sprintf("job%d.txt", s.started))
		command = server + " &"
	}
	fmt.Fprintf(s.in, "exec 2>>%s\n%s\necho \"\nstatus $?\"\n", log, command)
	var out strings.Builder
	for {
		line, err := s.out.ReadString('\n')
		if err != nil {
			t.Fatalf("%s: the shell has ended: %v", command, err)
		}
		if status, ok := strings.CutPrefix(line, "status "); ok {
			if status != "0\n" {
				t.Fatalf("%s: exit status %s%s\n%s", command, status, out.String(), read(t, log))
			}
			break
		}
		out.WriteString(line)
	}
	if background {
		testwait.Await(t, command+" to listen", func() bool {
			text, err := os.ReadFile(log)
			return err == nil && strings.Contains(string(text), " listening on ")
		})
	}
	return strings.TrimSuffix(out.String(), "\n")
}
