package provider

import (
	"context"
	"os/exec"
	"path/filepath"
	"strings"

	"asynccrypto/bench/internal/harness"
)

const hintModule = "install what it needs (Debian, Ubuntu: apt install gcc make libssl-dev), or name a module with -module"

// buildModule builds the provider of the checkout, and returns its path.
func buildModule(ctx context.Context) (string, error) {
	root, err := harness.Checkout(ctx)
	if err != nil {
		return "", err
	}
	dir := filepath.Join(root, "provider")
	if said, err := exec.CommandContext(ctx, "make", "-s", "-C", dir).CombinedOutput(); ctx.Err() != nil {
		return "", ctx.Err()
	} else if err != nil {
		return "", &harness.Missing{What: "the provider was not built (" + err.Error() + ")", Hint: hintModule + "\n" + strings.TrimSpace(string(said))}
	}
	return filepath.Join(dir, "build", "asynccrypto.so"), nil
}
