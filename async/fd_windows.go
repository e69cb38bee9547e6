package async

// FD is OSSL_ASYNC_FD: a HANDLE that can be waited for (an event object, say; an anonymous pipe can not), signaled
// when the job should be resumed.
type FD uintptr

// InvalidFD is OSSL_BAD_ASYNC_FD.
const InvalidFD = ^FD(0)
