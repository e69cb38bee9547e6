package provider

import (
	"crypto"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"

	"asynccrypto/bench/internal/harness"
	"asynccrypto/bench/internal/proc"
	"asynccrypto/engine"
	"asynccrypto/engine/multibuffer"
	"asynccrypto/remote/keyserver"
)

// roleKeyServer is the role of the key servers' processes.
const roleKeyServer = "provider-keyserver"

// A key server is as the command asynccrypto keyserver makes one on one core.
const (
	keyServerNice  = 10
	keyServerProcs = 1
)

const keyName = "key"

// keyServerOrder is one of: serve, with a key and a socket; account.
type keyServerOrder struct {
	Do     string `json:"do"`
	Key    []byte `json:"key,omitempty"`    // PKCS #8
	Socket string `json:"socket,omitempty"` // path
}

// keyServerAccount is a key server's account of itself, since its beginning.
type keyServerAccount struct {
	CPU     int64  `json:"cpu_ns"`
	Signed  uint64 `json:"signed"`
	Batched uint64 `json:"batched"` // operations in batches
	Batches uint64 `json:"batches"` // of those
}

// keyServer is a key server in its process.
type keyServer struct{ engine *engine.Engine }

// beKeyServer is the main of the process.
func beKeyServer(in io.Reader, out io.Writer) error {
	return harness.Orders(in, out, new(keyServer).do)
}

func (k *keyServer) do(o keyServerOrder) (keyServerAccount, error) {
	switch o.Do {
	case "serve":
		if err := k.serve(o); err != nil {
			return keyServerAccount{}, err
		}
	case "account":
	default:
		return keyServerAccount{}, fmt.Errorf("a key server knows no order %q", o.Do)
	}
	stats := k.engine.Stats()
	a := keyServerAccount{CPU: proc.OwnCPU(), Signed: stats.Completed}
	for i, batches := range stats.BatchSizes {
		a.Batched += uint64(i+1) * batches
		a.Batches += batches
	}
	return a, nil
}

// serve starts the key server, which serves until its process ends.
func (k *keyServer) serve(o keyServerOrder) error {
	private, err := signer(o.Key)
	if err != nil {
		return err
	}
	if k.engine, err = multibuffer.New(multibuffer.Options{Workers: 1, Nice: keyServerNice}); err != nil {
		return err
	}
	wrapped, err := k.engine.Signer(private)
	if err != nil {
		return err
	}
	server, err := keyserver.New(keyserver.Config{
		Keys:  map[string]crypto.Signer{keyName: wrapped},
		Allow: fmt.Appendf(nil, "allow uid:%d sign %s\n", os.Geteuid(), keyName),
	})
	if err != nil {
		return err
	}
	l, err := net.Listen("unix", o.Socket)
	if err != nil {
		return err
	}
	go server.ServeUnix(l)
	return nil
}

// keyServing is a key server seen from its parent.
type keyServing struct {
	*harness.Child
	env []string // of the programs that use it
}

// opensslConf activates the provider beside OpenSSL's own.
const opensslConf = `openssl_conf = init
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

// earlyThread is the setting without which HAProxy, unless it runs as root, keeps the provider from
// beginning its thread.
const earlyThread = "thread = early\n"

// startKeyServer starts a key server for a key, with a configuration of OpenSSL that names it and has
// further settings of the provider.
func (s *session) startKeyServer(k *key, settings string) (*keyServing, error) {
	s.started++
	socket := filepath.Join(s.dir, fmt.Sprint("s", s.started))
	conf := filepath.Join(s.dir, fmt.Sprint("c", s.started))
	if err := os.WriteFile(conf, fmt.Appendf(nil, opensslConf+settings, s.module, socket), 0o600); err != nil {
		return nil, err
	}
	child, err := harness.StartChild(s.program, roleKeyServer, s.serverCPU, keyServerProcs, false)
	if err != nil {
		return nil, err
	}
	if err := child.Do(keyServerOrder{Do: "serve", Key: k.pkcs8, Socket: socket}, nil); err != nil {
		child.Close()
		return nil, err
	}
	return &keyServing{child, []string{"OPENSSL_CONF=" + conf}}, nil
}

// account returns the key server's account; of none it is empty.
func (k *keyServing) account() (a keyServerAccount, err error) {
	if k == nil {
		return a, nil
	}
	err = k.Do(keyServerOrder{Do: "account"}, &a)
	return a, err
}
