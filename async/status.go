package async

import "strconv"

// Status is an engine's report about its last submission on a [WaitCtx] (ASYNC_STATUS_*, with
// OpenSSL's numbers). The job's own goroutine sets it before it pauses or returns. The owner of
// the paused job reads it.
type Status int32

const (
	// StatusUnsupported is the default: no engine that supports callbacks has run on this
	// WaitCtx. Watch its fds, or poll by resuming.
	StatusUnsupported Status = 0
	// StatusErr says that the engine is broken or closed; the key and the input are not at fault.
	// Clean up this session.
	StatusErr Status = 1
	// StatusOK says that the request was submitted. A wake follows.
	StatusOK Status = 2
	// StatusEAGAIN says that the engine is full. With OpenSSL the application must guess when to
	// resume. The engines of this project queue the request, so a wake follows here too, and
	// there is no need to resume before it.
	StatusEAGAIN Status = 3
)

// String returns OpenSSL's name without its prefix, such as "OK" or "EAGAIN". Any other number,
// which SetStatus takes as OpenSSL does, is written as "Status(7)".
func (s Status) String() string {
	switch s {
	case StatusUnsupported:
		return "UNSUPPORTED"
	case StatusErr:
		return "ERR"
	case StatusOK:
		return "OK"
	case StatusEAGAIN:
		return "EAGAIN"
	}
	return "Status(" + strconv.Itoa(int(s)) + ")"
}

// Outcome is the result of [Pool.Start] and [Job.Resume]: how the job stopped, or why it did not
// run (the results of ASYNC_start_job, with OpenSSL's numbers).
type Outcome int8

const (
	// Failed is ASYNC_ERR: the facility could not do what was asked, or the job panicked. The
	// error says which. The handle is of no further use, except after [ErrBusy] and
	// [ErrThreadLocked].
	Failed Outcome = 0
	// NoJobs is ASYNC_NO_JOBS: the pool is at its limit. Only [Pool.Start] returns it, with
	// [ErrNoJobs].
	NoJobs Outcome = 1
	// Paused is ASYNC_PAUSE: the job waits to be resumed. The error is nil.
	Paused Outcome = 2
	// Finished is ASYNC_FINISH: the function returned. The error is the function's own.
	Finished Outcome = 3
)

// String returns OpenSSL's name without its prefix, such as "PAUSE".
func (o Outcome) String() string {
	switch o {
	case Failed:
		return "ERR"
	case NoJobs:
		return "NO_JOBS"
	case Paused:
		return "PAUSE"
	case Finished:
		return "FINISH"
	}
	return "Outcome(" + strconv.Itoa(int(o)) + ")"
}
