// Command asynccrypto measures asynchronous cryptography and TLS servers, serves TLS, signs files
// and verifies their signatures, holds keys for other processes, tries the keys of tokens, and says what
// this machine can do.
package main

import (
	"os"

	"asynccrypto/cmd/asynccrypto/internal/cli"
	"asynccrypto/cmd/asynccrypto/internal/engines"
	"asynccrypto/cmd/asynccrypto/internal/handshakes"
	"asynccrypto/cmd/asynccrypto/internal/keyserver"
	"asynccrypto/cmd/asynccrypto/internal/serve"
	"asynccrypto/cmd/asynccrypto/internal/sign"
	"asynccrypto/cmd/asynccrypto/internal/speed"
	"asynccrypto/cmd/asynccrypto/internal/token"
	"asynccrypto/cmd/asynccrypto/internal/verify"
	"asynccrypto/cmd/asynccrypto/internal/version"
)

var program = &cli.Program{
	Short: "Cryptographic operations as asynchronous jobs: start one, do other work, resume it when the engine has the result",
	Commands: []*cli.Command{
		speed.Command,
		sign.Command,
		verify.Command,
		serve.Command,
		keyserver.Command,
		handshakes.Command,
		token.Command,
		engines.Command,
		version.Command,
	},
	Long: `
Keys are unencrypted PEM files, as openssl writes them, keys on tokens (an HSM, a TPM, a smart card),
named by URIs of RFC 7512, or keys on key servers, named by URIs that begin with keyserver:. Options
may stand before or after the arguments. A TIME is written as 90s, 5m or 1m30s; a number alone is
seconds.

The exit status is 0 on success, 1 if something failed, 2 if the arguments, or a file that they name,
are not valid, and 128 plus the number of the signal if a signal stopped the command. A token or a
key server that is away is 1: a later try may succeed. A wrong URI or PIN, or a key that is not there, is
2.
`,
	Example: `
$ openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:3072 -out key.pem
$ openssl pkey -in key.pem -pubout -out pub.pem
$ asynccrypto sign -key key.pem a.txt b.txt
signed 2 of 2 files in 7.69 ms
$ openssl dgst -sha256 -verify pub.pem -signature a.txt.sig a.txt
Verified OK
$ asynccrypto verify -key pub.pem a.txt b.txt
verified 2 of 2 files in 5.31 ms
`,
}

func main() { os.Exit(program.Main(os.Args[1:], cli.Stdio{Out: os.Stdout, Err: os.Stderr})) }
