package keyserver

import (
	"asynccrypto/cmd/asynccrypto/internal/cli"
	"asynccrypto/cmd/asynccrypto/internal/pemfile"
	"asynccrypto/remote/keyserver"
)

// handleCommand prints the handle of a key.
var handleCommand = &cli.Command{
	Name:  "keyserver handle",
	Short: "Print the handle of a key, which has no secret and can take the place of the key's file",
	Usage: "KEY.pem",
	Arguments: `
KEY.pem is a file with the private key, the public key, or a certificate of the key.`,
	Setup: func(*cli.Flags) cli.Run {
		return func(args []string, std cli.Stdio) error {
			switch len(args) {
			case 0:
				return cli.Usagef("no key; name the file of a private key, a public key or a certificate")
			case 1:
			default:
				return cli.NoArguments(args[1:])
			}
			public, err := pemfile.ReadPublicKey(args[0])
			if err != nil {
				return err
			}
			text, err := keyserver.Handle(public)
			if err != nil {
				return cli.Usagef("key %s: %w", args[0], err)
			}
			_, err = std.Out.Write(text)
			return err
		}
	},
	Long: `
A program with OpenSSL that has this project's provider takes a handle where it wants the file of a
private key. It asks the key server for the signatures of the key that the handle names. A Go program
gets the public key from it by keyserver.ParseHandle.
`,
	Example: `
$ asynccrypto keyserver handle web.pem > web.handle.pem
$ head -n 1 web.handle.pem
-----BEGIN ASYNCCRYPTO KEY-----
`,
}
