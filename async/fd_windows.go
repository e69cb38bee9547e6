package async

// FD is OSSL_ASYNC_FD: a HANDLE that can be waited for and is signaled when the job should be
// resumed. An event object can be waited for; an anonymous pipe cannot.
type FD uintptr

// InvalidFD is OSSL_BAD_ASYNC_FD.
const InvalidFD = ^FD(0)
