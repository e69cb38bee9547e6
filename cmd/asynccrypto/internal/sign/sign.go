// Package sign is the command asynccrypto sign.
package sign

import (
	"cmp"
	"time"

	"asynccrypto/cmd/asynccrypto/internal/cli"
	"asynccrypto/cmd/asynccrypto/internal/filesig"
	"asynccrypto/cmd/asynccrypto/internal/keyring"
)

// Command signs files.
var Command = &cli.Command{
	Name:  "sign",
	Short: "Sign files of any size, thousands at once",
	Usage: `
-key KEY.pem [options] FILE...
-key 'pkcs11:token=T;object=O?module-path=/PATH.so&pin-source=file:/PATH' [options] FILE...
-key 'keyserver://HOST:PORT/NAME?cert=FILE&key=FILE&ca=FILE' [options] FILE...
-key 'keyserver:///NAME?unix=PATH' [options] FILE...
`,
	Setup: func(f *cli.Flags) cli.Run {
		o := options{hash: "sha256"}
		f.String(&o.key, "key", "KEY.pem|URI", "the private key: RSA, ECDSA or ML-DSA, in a file that is not encrypted, on a token, or "+
			"on key servers")
		f.String(&o.fallback, "fallback-key", "KEY.pem|URI", "the same key in another place, which signs while -key is unavailable")
		o.ring.DeclareTimeout(f, time.Minute)
		o.ring.Declare(f)
		f.String(&o.hash, "hash", "NAME", filesig.HashNames)
		f.Bool(&o.pss, "pss", "sign with RSA-PSS, with a salt as long as the hash, instead of PKCS #1 v1.5")
		f.String(&o.out, "out", "DIR", "the directory for the signatures (default beside the files)")
		return func(files []string, std cli.Stdio) error {
			if err := cmp.Or(keyring.CheckTimeout(f, o.fallback != ""), o.ring.CheckTokens(f, o.key, o.fallback)); err != nil {
				return err
			}
			return o.run(files, std)
		}
	},
	Long: `
The signature of FILE is FILE.sig. An existing file of that name is replaced. A signature is written
under a temporary name and then renamed, so nobody ever sees half a signature. A command that is
interrupted removes its temporary files (.asynccrypto-*.tmp) and leaves the finished signatures.
If a file can't be read, the command reports it, signs the other files, and exits with status 1.

A key on a token (an HSM, a TPM, a smart card) is named by a URI of RFC 7512. The token signs up to
-key-sessions files at a time. "asynccrypto token URI" lists keys, with their URIs. -fallback-key
takes over if the token is unavailable, also at the start, or takes longer than -key-timeout; it has
to be the same key. Without one, the exit status is 1 if the token is away.

Of a key on key servers, the URI has their addresses (several HOST:PORT are separated by commas; for a
Unix socket unix=PATH), the name of the key, and the files of the certificate by which they know this
client. "asynccrypto keyserver list URI" shows what the client may do with which keys.

ML-DSA keys, which a program that was built with Go 1.27 or later reads, sign the file itself, with
an empty context: "openssl pkeyutl -verify -rawin" verifies that. They do not use -hash.

Ed25519 keys are refused. They sign no digest: each file would have to be in memory as a whole, and
"openssl dgst" could not verify the signature.
`,
	Example: `
$ ls
a.txt  b.txt  key.pem  pub.pem  sigs
$ asynccrypto sign -key key.pem -pss -out sigs a.txt b.txt c.txt
asynccrypto sign: c.txt: no such file or directory
asynccrypto sign: signed 2 of 3 files
$ openssl dgst -sha256 -verify pub.pem -sigopt rsa_padding_mode:pss -signature sigs/a.txt.sig a.txt
Verified OK
`,
}

type options struct {
	key, fallback, hash, out string
	pss                      bool
	ring                     keyring.Options
}

func (o *options) run(files []string, std cli.Stdio) error {
	if o.key == "" {
		return cli.Usagef("no key; give one with -key KEY.pem")
	}
	hash, err := filesig.HashNamed(o.hash)
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return cli.Usagef("no files to sign; name them after the options")
	}
	tasks, err := planTasks(files, o.out)
	if err != nil {
		return err
	}
	ring := keyring.New(o.ring)
	defer ring.Close()
	chain, m, err := o.openKeys(ring, hash, std)
	if err != nil {
		return err
	}
	ctx, stop := cli.Interruptible()
	defer stop()
	return signFiles(ctx, ring, chain, m, tasks, std)
}
