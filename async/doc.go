// Package async is OpenSSL's asynchronous facility, ASYNC_JOB and ASYNC_WAIT_CTX, for Go.
//
// A program starts a cryptographic operation as a job. Somewhere in its calls the job signs with a
// private key of an engine: an accelerator, an HSM, or workers that compute eight signatures at a
// time. The engine submits the operation and pauses the job. The goroutine that started the job
// gets control back and does other work. When the result is ready the engine wakes the
// application, the application resumes the job, and the signature is returned as if nothing had
// happened:
//
//	pool, err := async.NewPool(100, 0)
//	var w async.WaitCtx // one for each session, such as a connection
//	job, outcome, err := pool.Start(&w, func(j async.Job) error {
//		ctx := async.NewContext(context.Background(), j)
//		sig, err = signer.WithContext(ctx).Sign(rand.Reader, digest, crypto.SHA256) // pauses the job
//		return err
//	})
//	for outcome == async.Paused {
//		// ... other work, until w's wait fd is readable or its callback was called ...
//		outcome, err = job.Resume()
//	}
//
// Package engine provides such signers, and lets you write engines. Package async itself contains
// no cryptography: any code can pause a job with [Job.Pause].
//
// # When to use it
//
// Use jobs where one goroutine, or a few, drive many operations: in an event loop, or when there
// are more handshakes than you want goroutines. Pausing and resuming a job takes less than a tenth
// of a microsecond, and a paused job costs about 3 KB. A program with a goroutine for each request
// needs no jobs: outside a job the same signers block their goroutine.
//
// # How the application learns that a job can go on
//
//   - By fds. An engine associates a wait fd with the session. [WaitCtx.AllFDs] and
//     [WaitCtx.ChangedFDs] list the fds, and poll, epoll, kqueue or WaitForMultipleObjects wait
//     for them.
//   - By a callback, if [WaitCtx.SetCallback] has set one: the engine calls it and touches no
//     fd.
//   - By polling: resuming a job too early does no harm, because the job pauses again.
//
// # Goroutines
//
// A [Pool] may be used by several goroutines at once, and any goroutine may resume or cancel a
// [Job]. If two goroutines resume a job at once, one of them gets [ErrBusy]. A [WaitCtx] is owned
// by the running job or, while the job is paused, by the goroutine that last started or resumed
// it. Switching to and from a job is a happens-before edge, so no lock is needed. Only
// [WaitCtx.Callback] may be called by any goroutine at any time, and an engine's workers call no
// other method.
//
// A job is one goroutine. Code in it may start further goroutines, but these cannot pause it: Pause
// returns [ErrNotInJob] there, and engines block instead.
//
// # The names in C and in Go
//
//	ASYNC_WAIT_CTX_new, _free                     the zero value, WaitCtx.Close
//	ASYNC_WAIT_CTX_set_wait_fd, _get_fd           SetWaitFD, FD
//	ASYNC_WAIT_CTX_clear_fd                       ClearFD
//	ASYNC_WAIT_CTX_get_all_fds, _get_changed_fds  AllFDs, ChangedFDs
//	ASYNC_WAIT_CTX_set_callback, _get_callback    SetCallback, Callback
//	ASYNC_WAIT_CTX_set_status, _get_status        SetStatus, Status
//	ASYNC_init_thread, ASYNC_cleanup_thread       NewPool, Pool.Close
//	ASYNC_start_job                               Pool.Start, Job.Resume
//	ASYNC_pause_job                               Job.Pause
//	ASYNC_block_pause, ASYNC_unblock_pause        BlockPause, UnblockPause
//	ASYNC_get_current_job, ASYNC_get_wait_ctx     FromContext, Job.WaitCtx
//	ASYNC_is_capable                              IsCapable
//
// The observable behaviour of OpenSSL's functions holds here too. Where OpenSSL's functions crash,
// leak or leave the application without a wake, this package returns an error or simply works. A
// job can be cancelled ([Job.Cancel]), started inside another job, and resumed by another
// goroutine, and it may panic. [Pool.Notify] tells a caller that found the pool full when to try
// again.
package async
