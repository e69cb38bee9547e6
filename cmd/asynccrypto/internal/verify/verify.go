// Package verify is the command asynccrypto verify.
package verify

import (
	"asynccrypto/cmd/asynccrypto/internal/cli"
	"asynccrypto/cmd/asynccrypto/internal/filesig"
	"asynccrypto/cmd/asynccrypto/internal/pemfile"
)

// Command verifies the signatures of files.
var Command = &cli.Command{
	Name:  "verify",
	Short: "Verify the signatures of files of any size, thousands at once",
	Usage: "-key PUB.pem [options] FILE...",
	Setup: func(f *cli.Flags) cli.Run {
		o := options{hash: "sha256"}
		f.String(&o.key, "key", "PUB.pem",
			"the public key: RSA, ECDSA or ML-DSA; or a certificate or private key, whose public key is used")
		f.String(&o.hash, "hash", "NAME", filesig.HashNames)
		f.Bool(&o.pss, "pss", "the signatures are RSA-PSS, with a salt of any length, instead of PKCS #1 v1.5")
		f.String(&o.sigs, "sigs", "DIR", "the directory of the signatures (default beside the files)")
		return o.run
	},
	Long: `
The signature of FILE is FILE.sig, as "asynccrypto sign" or "openssl dgst -sign" wrote it. -hash and
-pss must be those of signing: with others no signature is valid.

The exit status is 0 if all signatures are valid, and 1 if one is not, or if a file or its signature
is missing or can't be read. The command names each such file, and verifies the others. The exit
status is 2, and nothing is verified, if an option, the key or an argument is at fault. A
certificate is not checked: neither its issuer nor its dates.

With an ML-DSA key, which a program that was built with Go 1.27 or later reads, a file may have up
to 64 MB. Ed25519 keys are refused, as by sign.
`,
	Example: `
$ openssl dgst -sha256 -sign key.pem -out a.txt.sig a.txt
$ asynccrypto verify -key pub.pem a.txt b.txt c.txt
asynccrypto verify: b.txt: the signature b.txt.sig is not valid
asynccrypto verify: c.txt: c.txt.sig: no such file or directory
asynccrypto verify: verified 1 of 3 files
$ echo $?
1
`,
}

type options struct {
	key, hash, sigs string
	pss             bool
}

func (o *options) run(files []string, std cli.Stdio) error {
	if o.key == "" {
		return cli.Usagef("no key; give one with -key PUB.pem")
	}
	hash, err := filesig.HashNamed(o.hash)
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return cli.Usagef("no files to verify; name them after the options")
	}
	key, err := pemfile.ReadPublicKey(o.key)
	if err != nil {
		return err
	}
	m, err := filesig.VerifyingMethod(key, hash, o.pss)
	if err != nil {
		return cli.Usagef("key %s: %w", o.key, err)
	}
	ctx, stop := cli.Interruptible()
	defer stop()
	return o.verifyFiles(ctx, key, m, files, std)
}
