// Package async is OpenSSL's asynchronous facility, ASYNC_JOB and ASYNC_WAIT_CTX, for Go.
//
// A program starts a cryptographic operation as a job. Deep inside, the job signs with a key that
// lives in an engine: an accelerator, an HSM, a batch of eight. The engine submits the operation
// and pauses the job. The goroutine that started the job gets control back and does other work.
// When the result is ready the engine wakes the application, the application resumes the job, and
// the signature is returned as if nothing had happened:
//
//	pool, err := async.NewPool(100, 0)
//	var w async.WaitCtx // one for each session, a connection say
//	job, outcome, err := pool.Start(&w, func(j async.Job) error {
//		ctx := async.NewContext(context.Background(), j)
//		sig, err = signer.WithContext(ctx).Sign(rand.Reader, digest, crypto.SHA256) // pauses in here
//		return err
//	})
//	for outcome == async.Paused {
//		// ... other work, until w's wait fd is readable or its callback was called ...
//		outcome, err = job.Resume()
//	}
//
// Package engine has such signers, and the means to write an engine. This package knows nothing of
// cryptography: any code can pause a job with [Job.Pause].
//
// # When to use it
//
// Use jobs where one goroutine, or a few, drive many operations: in an event loop, or with more
// handshakes than you want goroutines for. A job switches in less than a tenth of a microsecond,
// and a paused one costs about 3 KB. A program that is content with a goroutine for each request
// needs no jobs: the same engine's signers block a goroutine just as well.
//
// # How the application learns that a job can go on
//
//   - By fds. An engine associates a wait fd with the session. [WaitCtx.AllFDs] and
//     [WaitCtx.ChangedFDs] list the fds, and poll, epoll, kqueue or WaitForMultipleObjects wait
//     for them.
//   - By a callback, if [WaitCtx.SetCallback] has set one: the engine calls it and touches no
//     fd.
//   - By trying: to resume a job too early does no harm, because it pauses again.
//
// # Goroutines
//
// Any goroutine may use a [Pool], several may at once, and any may resume or cancel a [Job]. If two
// do so at once, one gets [ErrBusy]. A [WaitCtx] is owned by the running job or, while the job is
// paused, by the goroutine that last started or resumed it. Switching to and from a job is a
// happens-before edge, so no lock is needed. Only [WaitCtx.Callback] may be called from anywhere,
// and an engine's workers read nothing else.
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
// The observable behaviour of OpenSSL's functions holds here too. Where they crash, leak or leave
// the application without a wake, this package returns an error or simply works. A job can be
// cancelled ([Job.Cancel]), nested, and resumed by another goroutine; it may panic; and a caller
// that finds the pool full is notified when to try again ([Pool.Notify]).
package async
