// Remote signs with a key that key servers hold, from 64 goroutines at once, and says how often that
// failed and which server has done how much.
//
//	go run ./examples/remote
//
// Without -nodes the server is a node in this process, with a key made for the occasion. With it the
// servers are those of page 9 of the guide, for example. Stop one meanwhile: no signature fails.
//
//	go run ./examples/remote -nodes localhost:7071,localhost:7072,localhost:7073 -name web -time 10s
package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"text/tabwriter"
	"time"

	"asynccrypto/remote"
)

// options are those of the command.
type options struct {
	nodes, name   string
	cert, key, ca string
	each          time.Duration
}

func main() {
	var o options
	flag.StringVar(&o.nodes, "nodes", "", "the key servers, `HOST:PORT or unix:PATH`, separated by commas (default one in this process)")
	flag.StringVar(&o.name, "name", "web", "the `name` of the key, for which the allow file has no words")
	flag.StringVar(&o.cert, "cert", "app.pem", "the `file` of the certificate that this client shows to HOST:PORT")
	flag.StringVar(&o.key, "key", "app.key", "the `file` of its key")
	flag.StringVar(&o.ca, "ca", "ca.pem", "the `file` of the CAs of the servers")
	flag.DurationVar(&o.each, "time", time.Second, "how long to sign")
	flag.Parse()
	if err := run(os.Stdout, o); err != nil {
		fmt.Fprintln(os.Stderr, "remote:", err)
		os.Exit(1)
	}
}

// open returns the engine of the key servers.
func (o options) open() (*remote.Engine, error) {
	if o.nodes == "" {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, err
		}
		return remote.Local(map[string]crypto.Signer{o.name: key})
	}
	c := remote.Config{Nodes: strings.Split(o.nodes, ","), Logger: slog.Default()}
	for _, node := range c.Nodes {
		if strings.HasPrefix(node, "unix:") || c.TLS != nil {
			continue
		}
		cert, err := tls.LoadX509KeyPair(o.cert, o.key)
		if err != nil {
			return nil, err
		}
		ca, err := os.ReadFile(o.ca)
		if err != nil {
			return nil, err
		}
		roots := x509.NewCertPool()
		if !roots.AppendCertsFromPEM(ca) {
			return nil, fmt.Errorf("%s has no certificate", o.ca)
		}
		c.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, RootCAs: roots}
	}
	return remote.New(c)
}

func run(out io.Writer, o options) error {
	eng, err := o.open()
	if err != nil {
		return err
	}
	defer eng.Close()
	looking, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	signer, err := eng.Signer(looking, o.name)
	if err != nil {
		return err
	}

	ctx, cancel := context.WithTimeout(context.Background(), o.each)
	defer cancel()
	var signed, failed atomic.Int64
	var first atomic.Pointer[error]
	var signers sync.WaitGroup
	hash := crypto.SHA256
	if _, ok := signer.Public().(ed25519.PublicKey); ok {
		hash = 0 // it signs the message itself
	}
	for range 64 {
		signers.Go(func() {
			for ctx.Err() == nil {
				if _, err := crypto.SignMessage(signer, rand.Reader, []byte("hello"), hash); err != nil {
					failed.Add(1)
					first.CompareAndSwap(nil, &err)
					if errors.Is(err, remote.ErrDenied) {
						return // the allow file says no, as often as it is asked
					}
					continue
				}
				signed.Add(1)
			}
		})
	}
	signers.Wait()

	fmt.Fprintf(out, "%d signatures in %v, %d failed\n", signed.Load(), o.each, failed.Load())
	if err := first.Load(); err != nil {
		fmt.Fprintf(out, "the first failure: %v\n", *err)
	}
	st := eng.Stats()
	fmt.Fprintf(out, "asked once more: %d that were late, %d whose node was lost or has refused\n\n", st.Hedges, st.Again)
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "node\tup\tanswers\tlate\tlatency")
	for _, n := range st.Nodes {
		fmt.Fprintf(table, "%s\t%t\t%d\t%d\t%v\n", n.Node, n.Up, n.Answered, n.Late, n.Latency.Round(time.Microsecond))
	}
	return table.Flush()
}
