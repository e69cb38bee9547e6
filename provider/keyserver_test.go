//go:build linux

package provider

import (
	"bytes"
	"cmp"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"asynccrypto/internal/testca"
	"asynccrypto/internal/testwait"
)

// syncBuffer is a program's output, which may be read while it is written.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// process is a program that runs until it is told to end, and can be started anew.
type process struct {
	t     *testing.T
	cmd   *exec.Cmd
	out   *syncBuffer // of the last start
	ended chan struct{}
	err   error // valid once ended is closed
}

// launch starts a program. At the end of the test it is killed, with all that descends from it.
func launch(t *testing.T, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{t: t, cmd: cmd, out: new(syncBuffer), ended: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = p.out, p.out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		p.err = cmd.Wait()
	}()
	t.Cleanup(func() {
		if !p.over() {
			kill(cmd.Process.Pid)
		}
		<-p.ended
	})
	return p
}

// logged waits for a line of the output, and returns what the pattern matches.
func (p *process) logged(pattern string) []string {
	p.t.Helper()
	re := regexp.MustCompile(pattern)
	var found []string
	testwait.Await(p.t, "a line "+pattern, func() bool {
		over := p.over()
		if found = re.FindStringSubmatch(p.out.String()); found == nil && over {
			p.t.Fatalf("no line %q: %v\n%s", pattern, p.err, p.out)
		}
		return found != nil
	})
	return found
}

// over reports whether the program has ended.
func (p *process) over() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// signal sends a signal. With SIGKILL it waits for the end, and with SIGSTOP until all threads are
// stopped.
func (p *process) signal(sig syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil {
		p.t.Fatalf("%v: %v\n%s", sig, err, p.out)
	}
	switch sig {
	case syscall.SIGKILL:
		testwait.Receive(p.t, "the end of a process", p.ended)
	case syscall.SIGSTOP:
		testwait.Await(p.t, "a process to be stopped", p.isStopped)
	}
}

func (p *process) isStopped() bool {
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", p.cmd.Process.Pid))
	for _, stat := range threads {
		// "12 (name) T ...": see proc_pid_stat(5).
		if text, err := os.ReadFile(stat); err != nil || !strings.Contains(string(text), ") T ") {
			return false
		}
	}
	return len(threads) > 0
}

// end sends a signal that tells the program to end, which should say that all went well.
func (p *process) end(sig syscall.Signal) {
	p.t.Helper()
	p.signal(sig)
	testwait.Receive(p.t, "the end of a process", p.ended)
	if p.err != nil {
		p.t.Errorf("%s: %v\n%s", p.cmd, p.err, p.out)
	}
}

// keyServer is the command keyserver with all keys of testKeys. Its fields may be changed before it is
// started.
type keyServer struct {
	*process
	dir     string   // has its files and its log
	socket  string   // first of sockets
	sockets []string // all on which it listens; every user can reach them
	users   []string // allowed to sign all, beside the user of the test
	rules   []string // further lines of the allow file
	options []string // further ones of the command

	t *testing.T
}

// newKeyServer makes a key server. Call start.
func newKeyServer(t *testing.T) *keyServer {
	t.Helper()
	k := &keyServer{dir: newDir(t), t: t}
	k.socket = filepath.Join(k.dir, "keys.sock")
	k.sockets = []string{k.socket}
	return k
}

func (k *keyServer) path(name string) string { return filepath.Join(k.dir, name) }

func (k *keyServer) write(name string, text []byte) {
	k.t.Helper()
	if err := os.WriteFile(k.path(name), text, 0o600); err != nil {
		k.t.Fatal(err)
	}
}

func (k *keyServer) read(name string) []byte {
	k.t.Helper()
	text, err := os.ReadFile(k.path(name))
	if err != nil {
		k.t.Fatal(err)
	}
	return text
}

// start starts the server, or starts it again after its end, and waits until it listens.
func (k *keyServer) start() {
	k.t.Helper()
	names := slices.Sorted(maps.Keys(testKeys()))
	allow := fmt.Sprintf("allow uid:%d sign %s\n", os.Getuid(), strings.Join(names, " "))
	for _, user := range k.users {
		allow += fmt.Sprintf("allow user:%s sign %s\n", user, strings.Join(names, " "))
	}
	allow += strings.Join(append(k.rules, ""), "\n")
	k.write("allow", []byte(allow))
	args := []string{"keyserver", "-allow", k.path("allow"), "-audit", k.path("audit.log"), "-metrics", "127.0.0.1:0", "-unix-mode", "0666", "-nice", "0"}
	for _, s := range k.sockets {
		args = append(args, "-unix", s)
	}
	args = append(args, k.options...)
	for _, name := range names {
		args = append(args, keyFile(k.t, name+".pem"))
	}
	k.process = launch(k.t, lasting(nil, asynccrypto(k.t), args...))
	for _, s := range k.sockets {
		k.logged(`listening on \S*` + regexp.QuoteMeta(s))
	}
}

// openSSLConfig is a configuration of OpenSSL that loads the provider beside its own. Node has a name of
// its own for the section.
const openSSLConfig = `
openssl_conf = init
nodejs_conf = init
[init]
providers = providers
[providers]
default = default_section
asynccrypto = asynccrypto_section
[default_section]
activate = 1
[asynccrypto_section]
module = %s
socket = %s
activate = 1
`

// config writes openSSLConfig for a provider, with further lines in the provider's section, and returns
// the file's path. Every user can read it.
func (k *keyServer) config(v variant, lines ...string) string {
	k.t.Helper()
	return k.configFor(v.provider(k.t), k.socket, lines...)
}

func (k *keyServer) configFor(module, socket string, lines ...string) string {
	k.t.Helper()
	file := filepath.Join(newDir(k.t), "openssl.cnf")
	text := fmt.Sprintf(openSSLConfig, module, socket) + strings.Join(append(lines, ""), "\n")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		k.t.Fatal(err)
	}
	return file
}

// env returns the environment of a program that uses the provider: OPENSSL_CONF, with the socket;
// ASYNCCRYPTO_KEYSERVER, the same socket; KEYS, the folder of keyFile.
func (k *keyServer) env(t *testing.T, v variant) []string {
	t.Helper()
	return []string{"OPENSSL_CONF=" + k.config(v), "ASYNCCRYPTO_KEYSERVER=" + k.socket, "KEYS=" + filepath.Dir(keyFile(t, "ca.pem"))}
}

// signatures returns the number of signatures in the log that were given since the log began.
func (k *keyServer) signatures() int {
	k.t.Helper()
	return bytes.Count(k.read("audit.log"), []byte(`"result":"ok"`))
}

// metric returns the sum of the samples of a metric.
func (k *keyServer) metric(name string) (sum float64) {
	k.t.Helper()
	answer, err := http.Get("http://" + k.logged(`http://(\S+)/metrics`)[1] + "/metrics")
	if err != nil {
		k.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		k.t.Fatal(err)
	}
	for _, sample := range regexp.MustCompile(`(?m)^`+name+`(?:{.*})? (\S+)$`).FindAllSubmatch(text, -1) {
		value, err := strconv.ParseFloat(string(sample[1]), 64)
		if err != nil {
			k.t.Fatal(err)
		}
		sum += value
	}
	return sum
}

// testKey is a key with a certificate for localhost.
type testKey struct {
	name    string
	signer  crypto.Signer
	private []byte // PEM, PKCS #8
	chain   []byte // PEM, the certificate
}

// authority is the CA of the certificates.
var authority = sync.OnceValue(func() *testca.CA { return testca.New(new(testing.T)) })

// testKeys returns a key of each kind by its name: rsa2048, rsa3072, p256, p384, p521, ed25519.
var testKeys = sync.OnceValue(func() map[string]*testKey {
	keys, mu := map[string]*testKey{}, sync.Mutex{}
	var all sync.WaitGroup
	for name, generate := range map[string]func() (crypto.Signer, error){
		"rsa2048": func() (crypto.Signer, error) { return rsa.GenerateKey(rand.Reader, 2048) },
		"rsa3072": func() (crypto.Signer, error) { return rsa.GenerateKey(rand.Reader, 3072) },
		"p256":    func() (crypto.Signer, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) },
		"p384":    func() (crypto.Signer, error) { return ecdsa.GenerateKey(elliptic.P384(), rand.Reader) },
		"p521":    func() (crypto.Signer, error) { return ecdsa.GenerateKey(elliptic.P521(), rand.Reader) },
		"ed25519": func() (crypto.Signer, error) {
			_, key, err := ed25519.GenerateKey(rand.Reader)
			return key, err
		},
	} {
		all.Go(func() {
			signer, err := generate()
			if err != nil {
				panic(err)
			}
			der, err := x509.MarshalPKCS8PrivateKey(signer)
			if err != nil {
				panic(err)
			}
			cert := authority().IssueFor(new(testing.T), signer, []string{"localhost", "mutual.localhost", "127.0.0.1"})
			mu.Lock()
			defer mu.Unlock()
			keys[name] = &testKey{name, signer, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}),
				pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Certificate[0]})}
		})
	}
	all.Wait()
	return keys
})

// keyFile returns the path of a file that belongs to a key of testKeys: NAME.pem is the private key,
// NAME.cert.pem the certificate, NAME.handle.pem the handle, NAME.both.pem the handle and the
// certificate, NAME.plain.pem the private key and the certificate. The certificate of the authority
// is ca.pem. Every user can read the files without a private key.
func keyFile(t *testing.T, name string) string {
	t.Helper()
	if err := keyFiles(asynccrypto(t)); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(tmp, "keys", name)
}

var (
	writeKeyFiles sync.Once
	errKeyFiles   error
)

// keyFiles writes the files of keyFile, once. The argument is the path of the command asynccrypto.
func keyFiles(asynccrypto string) error {
	writeKeyFiles.Do(func() {
		errKeyFiles = os.Mkdir(filepath.Join(tmp, "keys"), 0o755)
		write := func(name string, mode os.FileMode, parts ...[]byte) {
			errKeyFiles = cmp.Or(errKeyFiles, os.WriteFile(filepath.Join(tmp, "keys", name), slices.Concat(parts...), mode))
		}
		for name, key := range testKeys() {
			write(name+".pem", 0o600, key.private)
			write(name+".plain.pem", 0o600, key.private, key.chain)
			write(name+".cert.pem", 0o644, key.chain)
			handle, err := exec.Command(asynccrypto, "keyserver", "handle", filepath.Join(tmp, "keys", name+".cert.pem")).Output()
			errKeyFiles = cmp.Or(errKeyFiles, err)
			write(name+".handle.pem", 0o644, handle)
			write(name+".both.pem", 0o644, handle, key.chain) // some programs want the handle first
		}
		write("ca.pem", 0o644, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: authority().Certificate.Raw}))
	})
	return errKeyFiles
}

// clientConfig returns a client's configuration that trusts the authority.
func clientConfig(versions ...uint16) *tls.Config {
	// The default's ML-KEM would take more of the processors than the server's signature.
	c := &tls.Config{ServerName: "localhost", RootCAs: authority().Pool,
		CurvePreferences: []tls.CurveID{tls.X25519, tls.CurveP256, tls.CurveP384, tls.CurveP521}}
	if versions != nil {
		c.MinVersion, c.MaxVersion = slices.Min(versions), slices.Max(versions)
	}
	return c
}
