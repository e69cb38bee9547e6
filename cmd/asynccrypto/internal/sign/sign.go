// Package sign is the command asynccrypto sign.
package sign

import (
	"crypto"
	_ "crypto/sha256"
	_ "crypto/sha512"
	"maps"
	"slices"
	"strings"

	"asynccrypto/cmd/asynccrypto/internal/cli"
	"asynccrypto/cmd/asynccrypto/internal/pemfile"
)

// Command signs files.
var Command = &cli.Command{
	Name:  "sign",
	Short: "Sign files of any size, thousands at once",
	Usage: "-key KEY.pem [options] FILE...",
	Setup: func(f *cli.Flags) cli.Run {
		o := options{hash: "sha256"}
		f.String(&o.key, "key", "KEY.pem", "the private key: RSA, ECDSA or ML-DSA, not encrypted")
		f.String(&o.hash, "hash", "NAME", "sha256, sha384 or sha512")
		f.Bool(&o.pss, "pss", "sign with RSA-PSS, with a salt as long as the hash, instead of PKCS #1 v1.5")
		f.String(&o.out, "out", "DIR", "the directory for the signatures (default beside the files)")
		return o.run
	},
	Long: `
The signature of FILE is FILE.sig. An existing file of that name is replaced. A signature is written
under a temporary name and then renamed, so nobody ever sees half a signature. A command that is
interrupted removes its temporary files (.asynccrypto-*.tmp) and leaves the finished signatures.
If a file can't be read, the command reports it, signs the other files, and exits with status 1.

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
	key, hash, out string
	pss            bool
}

var hashes = map[string]crypto.Hash{"sha256": crypto.SHA256, "sha384": crypto.SHA384, "sha512": crypto.SHA512}

func (o *options) run(files []string, std cli.Stdio) error {
	hash, ok := hashes[strings.ToLower(o.hash)]
	switch {
	case o.key == "":
		return cli.Usagef("no key; give one with -key KEY.pem")
	case !ok:
		return cli.Usagef("unknown hash %q; there are %s", o.hash, strings.Join(slices.Sorted(maps.Keys(hashes)), ", "))
	case len(files) == 0:
		return cli.Usagef("no files to sign; name them after the options")
	}
	tasks, err := planTasks(files, o.out)
	if err != nil {
		return err
	}
	anyKey, err := pemfile.ReadKey(o.key)
	if err != nil {
		return err
	}
	key, m, err := signingKey(anyKey, hash, o.pss)
	if err != nil {
		return cli.Usagef("key %s: %w", o.key, err)
	}
	ctx, stop := cli.Interruptible()
	defer stop()
	return signFiles(ctx, key, m, tasks, std)
}
