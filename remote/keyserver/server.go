package keyserver

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"asynccrypto/remote/internal/allow"
	"asynccrypto/remote/internal/audit"
)

// ErrClosed is the error of [Server.ServeUnix], [Server.ServeConn] and [Server.SetKeys] after
// [Server.Shutdown] or [Server.Close].
var ErrClosed = errors.New("keyserver: closed")

// Config configures a [Server].
type Config struct {
	// Keys are the keys by name. A name has 1 to 255 bytes of UTF-8, in characters that
	// [unicode.IsPrint] knows. A key that has a method WithContext, as the signers of engines have, is
	// bound to the context of each request. Any other key signs on a goroutine for each request.
	// The keys still belong to the caller. Close them after the server.
	Keys map[string]crypto.Signer
	// Allow is the text of the allow file. An empty one allows nothing to anybody.
	Allow []byte
	// Audit is given the lines of the audit log, several in one Write. The caller closes it after
	// the server. If it is nil there is no log.
	Audit io.Writer
	// AuditOptional has the server give signatures also while the audit log cannot be written.
	// Otherwise requests are then answered as unavailable.
	AuditOptional bool
	// InFlight bounds the requests of a client, over all its connections, that are under way at
	// once. Further requests are answered as busy. 0 means 256.
	InFlight int
	// Conns bounds the connections of a client: those of Unix sockets together with the sessions of
	// gRPC, and those of [Server.Credentials]. Further ones are refused. 0 means 64.
	Conns int
	// WriteTimeout is how long a connection may take to accept answers before it is closed, and how
	// long a new connection of a Unix socket may take for its hello. 0 means 10 s.
	WriteTimeout time.Duration
	// Logger gets the errors of keys, of which clients are told only that the key failed, and
	// those of listeners, of certificates and of the audit log. If it is nil nothing is logged.
	Logger *slog.Logger
}

// Server signs for clients. Make one with [New]. Any goroutine may call its methods.
type Server struct {
	inFlight     int
	conns        int
	writeTimeout time.Duration
	optional     bool
	logger       *slog.Logger
	rules        atomic.Pointer[allow.Rules]
	log          atomic.Pointer[audit.Log] // nil without an audit log
	draining     atomic.Bool
	others       *tally // of clients that have none of their own
	failures     seldom // of connections, in the log
	refusals     seldom // of certificates, in the log

	ctx    context.Context // is done when the server is closed
	cancel context.CancelFunc

	setKeys sync.Mutex // held while SetKeys exchanges the keys

	mu        sync.Mutex
	keys      *keySet
	clients   map[string]*client
	named     int // clients with statistics of their own
	requests  int // for signatures, under way
	callers   callers
	sessions  map[*session]struct{}
	listeners map[net.Listener]struct{}
	working   int           // sessions and single calls that have not ended
	idle      chan struct{} // closed when draining and working is 0
	logClosed bool
}

// New returns a server that serves nobody yet. The errors are those of [Server.SetKeys] and
// [Server.SetAllow], and those of negative numbers in c.
func New(c Config) (*Server, error) {
	for _, n := range []struct {
		name  string
		value int64
	}{{"InFlight", int64(c.InFlight)}, {"Conns", int64(c.Conns)}, {"WriteTimeout", int64(c.WriteTimeout)}} {
		if n.value < 0 {
			return nil, fmt.Errorf("keyserver: Config.%s is negative", n.name)
		}
	}
	s := &Server{
		inFlight:     or(c.InFlight, 256),
		conns:        or(c.Conns, 64),
		writeTimeout: or(c.WriteTimeout, 10*time.Second),
		optional:     c.AuditOptional,
		logger:       or(c.Logger, slog.New(slog.DiscardHandler)),
		others:       newTally("others"), // no client is called so: their names have a colon
		clients:      map[string]*client{},
		sessions:     map[*session]struct{}{},
		listeners:    map[net.Listener]struct{}{},
		idle:         make(chan struct{}),
	}
	if err := s.SetAllow(c.Allow); err != nil {
		return nil, err
	}
	keys, err := newKeySet(c.Keys, nil)
	if err != nil {
		return nil, err
	}
	s.keys = keys
	s.ctx, s.cancel = context.WithCancel(context.Background())
	if c.Audit != nil {
		s.SetAudit(c.Audit)
	}
	return s, nil
}

func or[T comparable](value, otherwise T) T {
	var zero T
	if value == zero {
		return otherwise
	}
	return value
}

// SetAllow replaces the allow file. Requests that are checked from then on, also those of open
// connections, are checked against the new one. If text has an error, which names the line, the old
// file stays in force.
func (s *Server) SetAllow(text []byte) error {
	rules, err := allow.Parse(text)
	if err != nil {
		return fmt.Errorf("keyserver: the allow file: %w", err)
	}
	s.rules.Store(rules)
	return nil
}

// MissingKeys returns the names that the allow file has and no key has, sorted. They may be misspelt.
func (s *Server) MissingKeys() []string {
	set := s.currentKeys()
	defer s.releaseKeys(set)
	return slices.DeleteFunc(s.rules.Load().Names(), func(name string) bool { return set.byName[name] != nil })
}

// SetAudit replaces the writer of the audit log: no line is written to the old one after SetAudit
// has returned. Without an audit log so far, SetAudit begins one.
func (s *Server) SetAudit(w io.Writer) {
	if log := s.beginLog(w); log != nil {
		log.SetWriter(w) // waits for a write, so not with mu held
	}
}

// beginLog begins an audit log, or returns the one that there is.
func (s *Server) beginLog(w io.Writer) *audit.Log {
	s.mu.Lock()
	defer s.mu.Unlock()
	log := s.log.Load()
	if log == nil && !s.logClosed {
		s.log.Store(audit.New(w, audit.Options{Optional: s.optional, Logger: s.logger}))
	}
	return log
}

// SetKeys replaces the keys, which are as in [Config]. Requests that come from then on use the new
// ones. SetKeys returns nil when no request uses a key of before, so that those can be closed and
// wiped. A key in both sets keeps its statistics, which go by its name.
//
// If the server is closed meanwhile the error is [ErrClosed], and requests may still use the keys
// of before. After any other error the old keys stay in use: a name or a key is not as Config says,
// or two names have the same key.
func (s *Server) SetKeys(keys map[string]crypto.Signer) error {
	old, err := s.swapKeys(keys)
	if err == nil && !old.wait(s.ctx) {
		err = ErrClosed
	}
	return err
}

func (s *Server) swapKeys(keys map[string]crypto.Signer) (old *keySet, err error) {
	s.setKeys.Lock() // so that no counters of the keys of before are lost
	defer s.setKeys.Unlock()
	old = s.currentKeys()
	defer s.releaseKeys(old)
	set, err := newKeySet(keys, old) // takes long, so not with mu held
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.draining.Load() {
		set.close()
		return nil, ErrClosed
	}
	s.keys = set
	old.retireLocked()
	return old, nil
}

// currentKeys returns the keys, which the caller releases.
func (s *Server) currentKeys() *keySet {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys.users++
	return s.keys
}

func (s *Server) releaseKeys(set *keySet) {
	s.mu.Lock()
	defer s.mu.Unlock()
	set.users--
	set.checkUnusedLocked()
}
