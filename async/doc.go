// Package async is OpenSSL's asynchronous facility, ASYNC_JOB and ASYNC_WAIT_CTX, for Go.
//
// A program starts a cryptographic operation as a job. Deep inside, something signs with a key that lives in an engine:
// an accelerator, an HSM, a batch of eight. The engine submits the operation and pauses the job; whoever started
// the job gets control back and does other work. When the result is there the engine wakes the application, the
// application resumes the job, and the signature is returned as if nothing had happened:
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
// Package engine holds such signers and what it takes to write an engine. This package knows nothing of cryptography:
// any code can pause a job with [Job.Pause].
//
// # When to use it
//
// Where one goroutine, or a few, drive many operations: an event loop, or more handshakes than you want goroutines for.
// A job switches in less than a tenth of a microsecond, and a paused one costs about 3 KB. A program that is content with a goroutine for each
// request needs no jobs: the same engine's signers block a goroutine just as well.
//
// # How the application learns that a job can go on
//
//   - By fds. An engine associates a wait fd with the session, [WaitCtx.AllFDs] and [WaitCtx.ChangedFDs] list them, and
//     poll, epoll, kqueue or WaitForMultipleObjects wait for them.
//   - By a callback, if one was set with [WaitCtx.SetCallback]: the engine calls it instead of touching an fd.
//   - By trying: resuming a job too early does no harm, it pauses again.
//
// # Who may touch what
//
// Any goroutine may use a [Pool], several may at once, and any may resume or cancel a [Job]; of two at once, one gets
// [ErrBusy]. A [WaitCtx] belongs to whoever holds the job that runs on it: the job while it runs, else who started or
// resumed it. The switch itself orders their accesses. Only the callback may be read from anywhere, and that is all
// that an engine's workers ever read.
//
// # Not from another goroutine
//
// A job is one goroutine. Code in it may start further goroutines, but these can't pause it: Pause returns
// [ErrNotInJob] there, and engines block instead.
//
// # What is what
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
// What can be observed of OpenSSL's functions holds here too. Where they crash, leak or leave the application without
// a wake, this package returns an error or simply works: a job can be cancelled ([Job.Cancel]), nested, resumed by
// another goroutine; it may panic; and who met a full pool is told when to try again ([Pool.Notify]).
package async
