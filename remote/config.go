package remote

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"time"
)

// Config describes an engine to [New]. Nodes is required, and TLS if a node is on the network.
type Config struct {
	// Nodes are the key servers: "HOST:PORT", or "unix:PATH" for a Unix socket. HOST stands for all of
	// its addresses, or for the first 64 in the order of their text. It is looked up again every 5 s
	// while there are operations, and when a connection fails. A HOST that no longer resolves keeps its
	// addresses. A node that is named twice counts once.
	Nodes []string
	// TLS has the certificate that this client shows to the nodes, and the RootCAs of theirs. New
	// copies it. TLS 1.3 is required whatever MinVersion says. If ServerName is empty, the
	// certificate of a node must be one for its HOST.
	TLS *tls.Config
	// Depth bounds the operations that are under way at once; 0 means 1024. Further ones wait in
	// line, with async.StatusEAGAIN: see [engine.Config].
	Depth int
	// Timeout is the time for an operation whose context has no deadline; 0 means 10 s. It does not
	// count the time in line.
	Timeout time.Duration
	// VerifyAll has every signature verified, and not only the first one by a key from each
	// connection. The goroutine that reads the connection does that.
	VerifyAll bool
	// Logger gets what happens to nodes; nil means [slog.Default].
	Logger *slog.Logger
}

const (
	unixPrefix     = "unix:"
	defaultDepth   = 1024
	defaultTimeout = 10 * time.Second
	waitForNode    = time.Second // of an operation whose context has no deadline
)

// complete returns c with its defaults, or an error if c cannot work.
func (c Config) complete() (Config, error) {
	if len(c.Nodes) == 0 {
		return c, errors.New(`remote: Config.Nodes is empty; name a key server, as in "keys.example.org:7070" or "unix:/run/keys.sock"`)
	}
	if c.Depth < 0 || c.Timeout < 0 {
		return c, fmt.Errorf("remote: Config.Depth is %d and Config.Timeout %v; neither may be negative", c.Depth, c.Timeout)
	}
	network := false
	var nodes []string // each once
	for _, node := range c.Nodes {
		if slices.Contains(nodes, node) {
			continue
		}
		nodes = append(nodes, node)
		if path, ok := strings.CutPrefix(node, unixPrefix); ok {
			if path == "" {
				return c, fmt.Errorf("remote: the node %q has no path; write unix:PATH", node)
			}
			continue
		}
		if host, port, err := net.SplitHostPort(node); err != nil || host == "" || port == "" {
			return c, fmt.Errorf("remote: the node %q is neither HOST:PORT nor unix:PATH", node)
		}
		network = true
	}
	if network && c.TLS == nil {
		return c, errors.New("remote: Config.TLS is nil; nodes on the network need the certificate of this client, and the RootCAs of theirs")
	}
	if c.TLS != nil {
		c.TLS = c.TLS.Clone()
		c.TLS.MinVersion = max(c.TLS.MinVersion, tls.VersionTLS13)
		if c.TLS.MaxVersion != 0 && c.TLS.MaxVersion < tls.VersionTLS13 {
			return c, errors.New("remote: Config.TLS.MaxVersion is below TLS 1.3, which key servers require")
		}
		if network && len(c.TLS.Certificates) == 0 && c.TLS.GetClientCertificate == nil {
			return c, errors.New("remote: Config.TLS has no certificate; set Certificates or GetClientCertificate, by which key servers know this client")
		}
	}
	c.Nodes = nodes
	c.Depth, c.Timeout = cmp.Or(c.Depth, defaultDepth), cmp.Or(c.Timeout, defaultTimeout)
	c.Logger = cmp.Or(c.Logger, slog.Default())
	return c, nil
}
