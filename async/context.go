package async

import "context"

type jobKey struct{}

// jobContext does the work of context.WithValue with one allocation less: it is its own value.
type jobContext struct {
	context.Context
	job Job
}

func (c *jobContext) Value(key any) any {
	if _, ok := key.(jobKey); ok {
		return c
	}
	return c.Context.Value(key)
}

// NewContext returns a context that carries j to code that may pause it. Start makes no context by
// itself, so that only jobs that need one pay for it.
func NewContext(parent context.Context, j Job) context.Context {
	return &jobContext{parent, j}
}

// FromContext returns the job that ctx carries (ASYNC_get_current_job). If ctx was derived from
// the contexts of several jobs it returns the innermost job. ok is false if there is no job or it
// has finished. The caller may be on a goroutine other than the job's: see [Job.InJob].
func FromContext(ctx context.Context) (j Job, ok bool) {
	c, ok := ctx.Value(jobKey{}).(*jobContext)
	if !ok || !c.job.alive() {
		return Job{}, false
	}
	return c.job, true
}
