//go:build !windows

package async

// FD is OSSL_ASYNC_FD: a file descriptor that becomes ready for reading when the job should be
// resumed.
type FD int

// InvalidFD is OSSL_BAD_ASYNC_FD.
const InvalidFD FD = -1
