package keyserver

import (
	"crypto"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"

	"asynccrypto/cmd/asynccrypto/internal/cli"
	"asynccrypto/cmd/asynccrypto/internal/engines"
	"asynccrypto/cmd/asynccrypto/internal/eventlog"
	"asynccrypto/cmd/asynccrypto/internal/keyring"
	"asynccrypto/cmd/asynccrypto/internal/pemfile"
	"asynccrypto/engine"
	"asynccrypto/engine/fallback"
	"asynccrypto/internal/measure"
	"asynccrypto/remote/keyserver"
)

// keys has the keys that the server uses, the engine that signs with those of files, and the tokens.
type keys struct {
	o       *options
	log     *eventlog.Log
	ring    *keyring.Ring
	kind    *engines.Kind
	engine  *engine.Engine
	current atomic.Pointer[generation]
}

// generation is the content of the files at a time. It is not changed: a new one takes its place.
type generation struct {
	signers map[string]crypto.Signer
	exposed []string                     // files with keys that everybody may read
	own     []interface{ Close() error } // the signers that no other generation has
}

func (g *generation) close() {
	for _, s := range g.own {
		s.Close()
	}
}

// openKeys opens the engine. Call close when done.
func openKeys(o *options, log *eventlog.Log) (*keys, error) {
	kind, err := engines.Choose("")
	if err != nil {
		return nil, err
	}
	e, err := o.workers.Open(kind, log)
	if err != nil {
		return nil, err
	}
	o.ring.Logger = log.Logger()
	return &keys{o: o, log: log, ring: keyring.New(o.ring), kind: kind, engine: e}, nil
}

// describe describes the engine, for the log.
func (k *keys) describe() string { return k.o.workers.Describe(k.kind) }

// close ends the keys, after the server.
func (k *keys) close() {
	if g := k.current.Load(); g != nil {
		g.close()
	}
	k.engine.Close()
	k.ring.Close()
}

// use reads the keys and has the server use them. It returns, with lines for the log, when no request
// uses the keys of before. After an error those stay in use.
func (k *keys) use(server *keyserver.Server) ([]string, error) {
	next, err := k.read()
	if err != nil {
		return nil, err
	}
	before := k.current.Swap(next)
	if err := server.SetKeys(next.signers); err != nil {
		if errors.Is(err, keyserver.ErrClosed) {
			return nil, err
		}
		k.current.Store(before)
		next.close()
		return nil, cli.Usagef("%w", err)
	}
	if before != nil {
		before.close()
	}
	lines := []string{next.describe()}
	if next.exposed != nil {
		lines = append(lines, warnExposed(next.exposed))
	}
	return lines, nil
}

// read reads the keys of all places. Errors are usage errors, unless a token is away.
func (k *keys) read() (_ *generation, err error) {
	places, err := k.o.places()
	if err != nil {
		return nil, err
	}
	g := &generation{signers: map[string]crypto.Signer{}}
	defer func() {
		if err != nil {
			g.close()
		}
	}()
	from := map[string]string{} // the place of a name
	for _, p := range places {
		name := nameOf(p.value)
		if other, ok := from[name]; ok {
			return nil, cli.Usagef("the keys of %s and %s are both named %q; rename one", keyring.Shown(other), keyring.Shown(p.value), name)
		}
		chain, err := k.chain(p, name)
		if err != nil {
			return nil, err
		}
		if chain == nil {
			continue
		}
		from[name] = p.value
		if err := g.add(k, name, chain); err != nil {
			return nil, err
		}
	}
	for name := range k.o.fallbacks {
		if from[name] == "" {
			return nil, cli.Usagef("-fallback-key: no key is named %q; the name of a fallback is that of its key", name)
		}
	}
	return g, nil
}

// chain opens a key, and its fallback. It returns nil for a file in a directory that has no private
// key.
func (k *keys) chain(p place, name string) ([]*keyring.Key, error) {
	named := []keyring.Named{{Value: p.value}}
	if value := k.o.fallbacks[name]; value != "" {
		named = append(named, keyring.Named{Option: "fallback-key", Value: value})
	}
	chain, err := k.ring.OpenChain(nil, nil, named...)
	if p.inDir && errors.Is(err, pemfile.ErrNoKey) {
		return nil, nil
	}
	return chain, err
}

// add adds a key that is in all the places of chain.
func (g *generation) add(k *keys, name string, chain []*keyring.Key) error {
	for _, key := range chain {
		if _, ok := key.Private.(crypto.Signer); !ok {
			return cli.Usagef("key %s: a key for key agreement, which can't sign", key.Name)
		}
		if key.InFile() && pemfile.Exposed(key.Name) {
			g.exposed = append(g.exposed, key.Name)
		}
		if key.Away != nil {
			k.log.Printf("warning: key %s is looked up later, because its place is away: %v", key.Name, key.Away)
		}
	}
	signer, err := k.ring.Signer(k.engine, chain)
	if err != nil {
		return cli.Usagef("key %s: %w", chain[0].Name, err)
	}
	g.signers[name] = signer
	// The signer of a key on a token is the ring's.
	if _, isChain := signer.(fallback.Signer); isChain || chain[0].Token == nil {
		g.own = append(g.own, signer.(interface{ Close() error }))
	}
	return nil
}

// maxDescribed is the number of keys that a line of the log names.
const maxDescribed = 20

// warnExposed is a line of the log about files with private keys.
func warnExposed(files []string) string {
	if len(files) > maxDescribed {
		files = append(files[:maxDescribed:maxDescribed], "...")
	}
	return "warning: every user of this machine may read these private keys: " + strings.Join(files, ", ") + "; change that with: chmod o-r"
}

// describe lists the keys, for the log.
func (g *generation) describe() string {
	var kinds []string
	for _, name := range slices.Sorted(maps.Keys(g.signers)) {
		if len(kinds) == maxDescribed {
			kinds = append(kinds, "...")
			break
		}
		kinds = append(kinds, fmt.Sprintf("%s (%s)", name, pemfile.KeyName(g.signers[name].Public())))
	}
	if kinds == nil {
		return "warning: there is no key in the directories"
	}
	return fmt.Sprintf("%s: %s", measure.Count(len(g.signers), "key"), strings.Join(kinds, ", "))
}
