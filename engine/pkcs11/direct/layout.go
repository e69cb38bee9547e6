//go:build !windows

package direct

// CK_ULONG is an unsigned long, and structures are laid out as C compilers do.
const (
	ulongSize = pointerSize
	packed    = false
)
