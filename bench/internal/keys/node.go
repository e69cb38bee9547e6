package keys

import (
	"context"
	"crypto"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"

	"asynccrypto/bench/internal/harness"
	"asynccrypto/bench/internal/proc"
	"asynccrypto/engine"
	"asynccrypto/engine/multibuffer"
	"asynccrypto/remote/keyserver"
)

// roleNode is the role of the nodes' processes.
const roleNode = "keys-node"

// A node is as the command asynccrypto keyserver makes one on one core.
const (
	nodeNice  = 10
	nodeProcs = 1
)

// nodeOrder is one of: serve, on a socket and by gRPC; bare, which serves one client of the bare way on
// the socket; slow, which has each signature take longer; account.
type nodeOrder struct {
	Do   string        `json:"do"`
	Spec *nodeSpec     `json:"spec,omitempty"` // for serve and bare
	Slow time.Duration `json:"slow,omitempty"` // for slow
}

type nodeSpec struct {
	Identity identity `json:"identity"`
	Roots    []byte   `json:"roots"`
	Key      []byte   `json:"key"`
	Socket   string   `json:"socket"`
}

// nodeAccount is a node's account of itself, since its beginning.
type nodeAccount struct {
	Addr    string `json:"addr"`   // of gRPC
	Socket  string `json:"socket"` // path
	CPU     int64  `json:"cpu_ns"`
	Signed  uint64 `json:"signed"`  // operations of the engine that batches hold
	Batches uint64 `json:"batches"` // of those
}

// nodeServer is a node in its process.
type nodeServer struct {
	engine *engine.Engine
	server *keyserver.Server
	signer engine.Signer
	addr   string
	socket string
}

// beNode is the main of the process.
func beNode(in io.Reader, out io.Writer) error {
	return harness.Orders(in, out, new(nodeServer).do)
}

func (n *nodeServer) do(o nodeOrder) (nodeAccount, error) {
	switch o.Do {
	case "serve":
		if err := n.serve(o.Spec); err != nil {
			return nodeAccount{}, err
		}
	case "bare":
		if err := n.bare(o.Spec); err != nil {
			return nodeAccount{}, err
		}
	case "slow":
		if err := n.server.SetKeys(n.keys(o.Slow)); err != nil {
			return nodeAccount{}, err
		}
	case "account":
	default:
		return nodeAccount{}, fmt.Errorf("a node knows no order %q", o.Do)
	}
	a := nodeAccount{Addr: n.addr, Socket: n.socket, CPU: proc.OwnCPU()}
	for i, batches := range n.engine.Stats().BatchSizes {
		a.Signed += uint64(i+1) * batches
		a.Batches += batches
	}
	return a, nil
}

// open opens the engine and the key.
func (n *nodeServer) open(key crypto.Signer, nice int) (err error) {
	if n.engine, err = multibuffer.New(multibuffer.Options{Workers: 1, Nice: nice}); err != nil {
		return err
	}
	n.signer, err = n.engine.Signer(key)
	return err
}

// bare starts a node of the bare way.
func (n *nodeServer) bare(spec *nodeSpec) error {
	key, err := privateKey(spec.Key)
	if err != nil {
		return err
	}
	if err := n.open(key, 0); err != nil {
		return err
	}
	n.socket = spec.Socket
	l, err := net.Listen("unix", n.socket)
	if err != nil {
		return err
	}
	go serveBare(l, n.signer)
	return nil
}

// serve starts the node, which serves until its process ends.
func (n *nodeServer) serve(spec *nodeSpec) error {
	key, err := privateKey(spec.Key)
	if err != nil {
		return err
	}
	tls, err := spec.Identity.mutual(spec.Roots)
	if err != nil {
		return err
	}
	if err := n.open(key, nodeNice); err != nil {
		return err
	}
	n.server, err = keyserver.New(keyserver.Config{
		Keys:  n.keys(0),
		Allow: fmt.Appendf(nil, "allow dns:%s sign %s\nallow uid:%d sign %s\n", clientName, keyName, os.Geteuid(), keyName),
	})
	if err != nil {
		return err
	}
	n.socket = spec.Socket
	frames, err := net.Listen("unix", n.socket)
	if err != nil {
		return err
	}
	calls, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	n.addr = calls.Addr().String()
	g := grpc.NewServer(append(keyserver.ServerOptions(), grpc.Creds(n.server.Credentials(credentials.NewTLS(tls))),
		// gRPC's own default ends connections that are pinged more often than every 5 minutes.
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: keepaliveEvery / 2}))...)
	n.server.RegisterGRPC(g)
	go n.server.ServeUnix(frames)
	go g.Serve(calls)
	return nil
}

// keys are the node's keys, whose signatures take longer by slow.
func (n *nodeServer) keys(slow time.Duration) map[string]crypto.Signer {
	if slow > 0 {
		return map[string]crypto.Signer{keyName: delayed{n.signer, slow}}
	}
	return map[string]crypto.Signer{keyName: n.signer}
}

// delayed is a key whose signatures take longer.
type delayed struct {
	engine.Signer
	slow time.Duration
}

// WithContext implements [engine.Signer].
func (d delayed) WithContext(ctx context.Context) crypto.Signer {
	return slowSigner{d.Signer.WithContext(ctx), d.slow}
}

// slowSigner sleeps before it signs.
type slowSigner struct {
	crypto.Signer
	slow time.Duration
}

func (s slowSigner) Sign(rand io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	time.Sleep(s.slow)
	return s.Signer.Sign(rand, digest, opts)
}
