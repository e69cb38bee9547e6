package sign

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"asynccrypto/bench/internal/harness"
	"asynccrypto/bench/internal/ops"
)

//go:embed node/sign.cjs
var nodeScript []byte

const hintNode = "install it from nodejs.org (24 and later carry OpenSSL 3.5), and name it with -node"

// findNode looks for a Node.js. Each carries an OpenSSL of its own, as a rule newer than the
// system's, and anybody can install one: it is the easiest way to a second OpenSSL to measure
// beside.
func findNode(ctx context.Context, path, dir string) (*other, error) {
	path, err := lookProgram(path, hintNode)
	if err != nil {
		return nil, err
	}
	script := filepath.Join(dir, "sign.cjs")
	if err := os.WriteFile(script, nodeScript, 0o600); err != nil {
		return nil, err
	}
	command := []string{path, script}
	said, err := othersVersion(ctx, command)
	if err != nil {
		return nil, err
	}
	node, openssl, ok := strings.Cut(said, " ")
	if !ok {
		return nil, &harness.Missing{What: fmt.Sprintf("%s says %q, not two versions", path, said), Hint: hintNode}
	}
	return &other{
		name:    fmt.Sprintf("OpenSSL %s (Node %s)", openssl, node),
		about:   "crypto.sign, PKCS #1 v1.5 with SHA-256 of a short message, in a loop with one key; one signature at a time, no queue",
		keys:    1,
		goal:    func(algorithm string) float64 { return opensslGoal(harness.Release(openssl), algorithm) },
		command: command,
		input:   nodeInput,
	}, nil
}

func nodeInput(keys []*rsa.PrivateKey) (string, func([][]byte) error) {
	message := []byte("a short message")
	der, err := x509.MarshalPKCS8PrivateKey(keys[0])
	digest := sha256.Sum256(message)
	return ops.HexLines(der, message), func(results [][]byte) error {
		if err != nil {
			return err
		}
		return rsa.VerifyPKCS1v15(&keys[0].PublicKey, crypto.SHA256, digest[:], results[0])
	}
}
