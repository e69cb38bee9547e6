package keyserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"asynccrypto/cmd/asynccrypto/internal/cli"
	"asynccrypto/cmd/asynccrypto/internal/keyring"
	"asynccrypto/cmd/asynccrypto/internal/keyuri"
	"asynccrypto/cmd/asynccrypto/internal/pemfile"
	"asynccrypto/internal/measure"
	"asynccrypto/remote"
)

// listCommand shows key servers and their keys.
var listCommand = &cli.Command{
	Name:  "keyserver list",
	Short: "Show key servers, how they are, and which of their keys this client may use for what",
	Usage: `
[options] 'keyserver:///?unix=PATH'
[options] 'keyserver://HOST:PORT,HOST:PORT?cert=FILE&key=FILE&ca=FILE'
`,
	Arguments: `
The URI is that of a key, or one without the name of a key: then all keys are shown that the servers'
allow files let this client use.`,
	Setup: func(f *cli.Flags) cli.Run {
		wait := 3 * time.Second
		f.Duration(&wait, "wait", "how long a server may take to answer")
		return func(args []string, std cli.Stdio) error {
			switch {
			case len(args) == 0:
				return cli.Usagef("no URI; give one such as 'keyserver:///?unix=/run/keys.sock'")
			case len(args) > 1:
				return cli.Usagef("more than one argument; quote the URI, as the shell splits it at &")
			}
			ctx, stop := cli.Interruptible()
			defer stop()
			err := list(ctx, args[0], wait, std.Out)
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return err
		}
	},
	Long: `
A server that is started may refuse connections for a moment; then it is shown as down. The column may
has the operations and the words of the allow file. The exit status is 0 if all servers are up and, with the
name of a key, have that key; 1 if one of them is not, or does not let this client use the key; and 2 if
the URI or one of its files is not valid.
`,
	Example: `
$ asynccrypto keyserver list 'keyserver://keys:7070?cert=app.pem&key=app.key&ca=ca.pem'
node       address         state
keys:7070  10.0.0.11:7070  up
keys:7070  10.0.0.12:7070  down: dial tcp 10.0.0.12:7070: connect: connection refused

key  kind      may       on
web  RSA-2048  sign:pss  10.0.0.11:7070
asynccrypto keyserver list: 1 of 2 servers not up
`,
}

func list(ctx context.Context, text string, wait time.Duration, w io.Writer) error {
	uri, err := keyuri.Parse(text)
	if err != nil {
		return cli.Usagef("%w", err)
	}
	c, err := keyring.RemoteConfig(uri, nil)
	if err != nil {
		return err
	}
	e, err := remote.New(c)
	if err != nil {
		return cli.Usagef("%w", err)
	}
	defer e.Close()
	connecting, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	nodes := keyring.AwaitNodes(connecting, e, false)
	down := 0
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "node\taddress\tstate\n")
	for _, n := range nodes {
		state := "up"
		if !n.Up {
			down++
			state = "down: no answer"
			if n.LastError != nil {
				state = "down: " + n.LastError.Error()
			}
		}
		fmt.Fprintf(t, "%s\t%s\t%s\n", cli.OneLine(n.Node), cli.OneLine(n.Address), cli.OneLine(state))
	}
	t.Flush()
	if down < len(nodes) {
		if err := listKeys(ctx, e, uri.Name, wait, w); err != nil {
			return err
		}
	}
	if down > 0 {
		return fmt.Errorf("%d of %s not up", down, measure.Count(len(nodes), "server"))
	}
	return nil
}

// listKeys shows the keys, or the one of a name.
func listKeys(ctx context.Context, e *remote.Engine, name string, wait time.Duration, w io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	keys, err := e.Keys(ctx)
	if err != nil {
		return err
	}
	if name != "" {
		keys = slices.DeleteFunc(keys, func(k remote.Key) bool { return k.Name != name })
		if len(keys) == 0 {
			return fmt.Errorf("key %q: %w, or none that this client may use", name, remote.ErrNoKey)
		}
	}
	if len(keys) == 0 {
		return errors.New("this client may use no key of these servers; their allow files decide")
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "\nkey\tkind\tmay\ton\n")
	for _, k := range keys {
		kind := "unknown to this version of Go"
		if k.Public != nil {
			kind = pemfile.KeyName(k.Public)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", cli.OneLine(k.Name), kind, cli.OneLine(strings.Join(k.Rules, " ")), strings.Join(k.Nodes, " "))
	}
	t.Flush()
	return nil
}
