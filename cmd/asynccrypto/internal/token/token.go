// Package token is the command asynccrypto token.
package token

import (
	"cmp"
	"context"
	"crypto"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"asynccrypto/cmd/asynccrypto/internal/cli"
	"asynccrypto/cmd/asynccrypto/internal/keyring"
	"asynccrypto/cmd/asynccrypto/internal/pemfile"
	"asynccrypto/engine/pkcs11"
	"asynccrypto/internal/measure"
	"asynccrypto/internal/publickey"
)

// Command lists tokens and their keys, and tries the keys.
var Command = &cli.Command{
	Name:  "token",
	Short: "List the keys of a token (HSM, TPM, smart card), and try what they can do",
	Usage: `
[options] 'pkcs11:?module-path=/PATH.so'                                          the tokens of a module
[options] 'pkcs11:token=T?module-path=/PATH.so&pin-source=file:/PATH'             the keys of a token
[options] 'pkcs11:token=T;object=O?module-path=/PATH.so&pin-source=file:/PATH'    one key
`,
	Arguments: `
The URI is one of RFC 7512. Its path names the token (token, serial, manufacturer, model) and the key
(object, id). Its query names the module (module-path) and the file of the user's PIN (pin-source).
A pin-value in the query is the PIN itself, which other users may see in the list of processes. Quote
the URI, because it has characters that a shell treats as its own.`,
	Setup: func(f *cli.Flags) cli.Run {
		o := &options{time: 300 * time.Millisecond}
		f.Duration(&o.time, "time", "how long to measure the signatures of each key")
		o.ring.DeclareModule(f)
		return o.run
	},
	Long: `
A helper process loads the module: "p11-kit remote", of the package p11-kit (Fedora:
p11-kit-server). If module-path is the socket of a p11-kit server, the command connects to that.

Each key signs with each mechanism that fits it, and the signature is verified with the public key.
A key that may decrypt also decrypts. Modules differ in their mechanisms: if one fails, that is
shown, and the command goes on. If a result is wrong, or the token is away, the exit status is 1.

The PIN is tried once, and not at all if the token says that one more wrong PIN would lock it, unless
-key-last-try is given.
Without a PIN the command does not log in, and lists the keys that the token shows then.

The URIs of the output are for -key of sign, serve and speed. They have no PIN: add
&pin-source=file:/PATH.
`,
	Example: `
$ asynccrypto token 'pkcs11:token=web?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=file:/run/pin'
token "web": SoftHSM v2 by SoftHSM project, serial 4c0a8e2f735731ea
    wants the PIN before it shows and uses private keys
    'pkcs11:token=web;manufacturer=SoftHSM%20project;serial=4c0a8e2f735731ea;model=SoftHSM%20v2?module-path=/usr/lib/softhsm/libsofthsm2.so'
    offers 70 mechanisms

key "site", id 01: ECDSA P-256, may sign
    'pkcs11:token=web;manufacturer=SoftHSM%20project;serial=4c0a8e2f735731ea;model=SoftHSM%20v2;id=%01;object=site;type=private?module-path=/usr/lib/softhsm/libsofthsm2.so'
    sign     CKM_ECDSA, SHA-256           verified
    180 us for a signature, one at a time (median of 1,598)
`,
}

type options struct {
	time time.Duration
	ring keyring.Options
}

func (o *options) run(args []string, std cli.Stdio) error {
	switch {
	case len(args) == 0:
		return cli.Usagef("no URI; give one such as 'pkcs11:?module-path=/usr/lib/softhsm/libsofthsm2.so'")
	case len(args) > 1:
		return cli.Usagef("more than one argument; quote the URI, as the shell splits it at & and ;")
	case !keyring.IsToken(args[0]):
		return cli.Usagef("%s", cmp.Or(pemfile.NoKeyURI(args[0]), "the argument is not the URI of a token, which begins with pkcs11: (RFC 7512)"))
	}
	uri := args[0]
	ctx, stop := cli.Interruptible()
	defer stop()
	err := o.list(ctx, uri, std.Out)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// list lists the tokens that uri names and, if that is one token, its keys.
func (o *options) list(ctx context.Context, uri string, w io.Writer) error {
	options := o.ring.For(uri)
	options.Sessions = 1
	infos, err := pkcs11.Tokens(ctx, uri, options)
	if err != nil {
		return keyring.Failure("", err)
	}
	infos = slices.DeleteFunc(infos, func(info pkcs11.TokenInfo) bool { return !info.Initialized })
	if len(infos) > 1 {
		for _, info := range infos {
			describe(w, info)
			fmt.Fprintln(w)
		}
		fmt.Fprintln(w, "These tokens match; for the keys of one of them use its URI, with its PIN.")
		return nil
	}
	if len(infos) == 1 && infos[0].LoginRequired && !infos[0].PINPad && !hasPIN(uri) {
		options.NoLogin = true
	}
	t, err := pkcs11.Open(uri, options) // if no token matches, the error says what there is
	if err != nil {
		return keyring.Failure("", err)
	}
	defer t.Close()
	stop := context.AfterFunc(ctx, func() { t.Close() })
	defer stop()
	all, err := t.Keys(ctx)
	if err != nil {
		return err
	}
	if namesKey(uri) {
		public, err := publicKey(t, uri)
		if err != nil {
			return keyring.Failure("", err)
		}
		all = slices.DeleteFunc(all, func(k pkcs11.KeyInfo) bool { return !publickey.Equal(public, k.Public) })
	}
	describe(w, t.Info())
	mechanisms, err := t.Mechanisms(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "    offers %s\n", measure.Count(len(mechanisms), "mechanism"))
	if options.NoLogin {
		fmt.Fprintf(w, "    not logged in, as the URI has no PIN: keys that the token hides until then are missing; add pin-source=file:/PATH to the query\n")
	}
	return o.tryAll(ctx, t, all, w)
}

// hasPIN reports whether the URI says where the PIN is.
func hasPIN(uri string) bool {
	_, query, _ := strings.Cut(uri, "?")
	for attribute := range strings.SplitSeq(query, "&") {
		if strings.HasPrefix(attribute, "pin-") {
			return true
		}
	}
	return false
}

// describe writes the description of a token.
func describe(w io.Writer, info pkcs11.TokenInfo) {
	fmt.Fprintf(w, "token %q: %s by %s, serial %s\n", info.Label, cli.OneLine(info.Model), cli.OneLine(info.Manufacturer), cli.OneLine(info.Serial))
	for _, flag := range []struct {
		set  bool
		says string
	}{
		{info.LoginRequired, "wants the PIN before it shows and uses private keys"},
		{info.PINPad, "has a keypad for the PIN"},
		{info.PINLocked, "is locked: too many wrong PINs were tried, and its security officer has to unlock it"},
		{info.PINFinalTry && !info.PINLocked, "locks itself at the next wrong PIN"},
		{info.PINLow && !info.PINFinalTry && !info.PINLocked, "has had a wrong PIN since the last login"},
		{info.MaxSessions > 0, fmt.Sprintf("has at most %s", measure.Count(int(info.MaxSessions), "session"))},
	} {
		if flag.set {
			fmt.Fprintf(w, "    %s\n", flag.says)
		}
	}
	fmt.Fprintf(w, "    '%s'\n", info.URI)
}

// tryAll describes keys of a token and tries them.
func (o *options) tryAll(ctx context.Context, t *pkcs11.Token, all []pkcs11.KeyInfo, w io.Writer) error {
	if len(all) == 0 {
		fmt.Fprintln(w, "\nno private keys")
	}
	for _, k := range all {
		fmt.Fprintf(w, "\nkey %q, id %x: %s%s\n    '%s'\n", k.Label, k.ID, keyType(k), permissions(k), k.URI)
		if k.Public == nil {
			fmt.Fprintln(w, "    not tried: the token has neither its public key nor a certificate, or its type is not one of those that sign here")
			continue
		}
		if err := o.try(ctx, t, k, w); err != nil {
			return err
		}
	}
	return nil
}

// namesKey reports whether the path of the URI names a key.
func namesKey(uri string) bool {
	path, _, _ := strings.Cut(uri, "?")
	for attribute := range strings.SplitSeq(path[len("pkcs11:"):], ";") {
		if strings.HasPrefix(attribute, "object=") || strings.HasPrefix(attribute, "id=") {
			return true
		}
	}
	return false
}

// publicKey returns the public key of the one key that uri names.
func publicKey(t *pkcs11.Token, uri string) (crypto.PublicKey, error) {
	signer, err := t.Signer(uri)
	if err == nil {
		return signer.Public(), nil
	}
	if decrypter, err := t.Decrypter(uri); err == nil {
		return decrypter.Public(), nil
	}
	return nil, err
}

func keyType(k pkcs11.KeyInfo) string {
	if k.Public == nil {
		return k.Type
	}
	return pemfile.KeyName(k.Public)
}

func permissions(k pkcs11.KeyInfo) string {
	may := ", may neither sign nor decrypt"
	switch {
	case k.Sign && k.Decrypt:
		may = ", may sign and decrypt"
	case k.Sign:
		may = ", may sign"
	case k.Decrypt:
		may = ", may decrypt"
	}
	if k.AlwaysAuthenticate {
		may += ", wants the PIN for each operation"
	}
	return may
}
