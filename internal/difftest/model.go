package difftest

import "math"

// model follows a script just far enough to know which steps OpenSSL defines, and which cases
// they cover. It does not predict outputs: it is for the two sides to agree on these.
type model struct {
	lib     version
	ctxs    [numCtxs]modelCtx
	jobs    [numJobs]modelJob
	pool    bool // whether there is one
	max     int64
	control int                  // the code that has control: 0 outside jobs, 1 + slot in a job
	frames  [1 + numJobs][]uint8 // for each, the contexts whose cleanups it is in, innermost last
	counts  Counts
}

type modelJob struct {
	state   jobState
	ctx     uint8
	body    uint8
	blocked int
}

type jobState uint8

const (
	jobNone jobState = iota
	jobRunning
	jobPaused
)

const (
	maxFrames  = 3  // cleanups within cleanups; a job's stack is small in C
	maxBlocked = 4  // so that closing a script stays short
	maxRecords = 24 // as above
)

// apply does the step and returns true, or returns false if the step is undefined in this state.
func (m *model) apply(s Step) bool {
	switch s.Op {
	case OpNew, OpFree, OpSet, OpGet, OpClear, OpAll, OpChanged, OpSetCallback, OpCallback, OpSetStatus, OpStatus:
		return m.applyCtx(s)
	case OpInit:
		return m.initPool(s.initMax(), int64(s.Data))
	case OpCleanup:
		if m.control != 0 || m.alive() > 0 {
			return false // the library leaks paused jobs, and forgets running ones
		}
		m.pool = false
	case OpStart:
		return m.start(s)
	case OpResume:
		return m.resume(s.Key)
	case OpPause:
		return m.pause()
	case OpBlock:
		return m.block()
	case OpUnblock:
		if j := m.job(); j == nil {
			m.counts[BlocksOutside]++
		} else if j.blocked > 0 {
			j.blocked--
		} else {
			m.counts[UnblocksTooMany]++
		}
	case OpWaitCtx:
		return m.jobs[s.Key].state == jobPaused
	case OpReturn:
		return m.ret()
	}
	return true
}

// job returns the job that has control, or nil.
func (m *model) job() *modelJob {
	if m.control == 0 {
		return nil
	}
	return &m.jobs[m.control-1]
}

func (m *model) alive() (n int64) {
	for _, j := range m.jobs {
		if j.state != jobNone {
			n++
		}
	}
	return n
}

// initPool refuses a second pool, which would leak the first. A call that fails does nothing, and
// is always allowed.
func (m *model) initPool(max, init int64) bool {
	switch {
	case init > max:
		m.counts[InitFails]++
	case max > math.MaxInt32:
		if !m.lib.limitsPools() {
			return false
		}
		m.counts[InitTooLarge]++
	case m.control != 0 || m.pool:
		return false
	default:
		m.pool, m.max = true, max
	}
	return true
}

func (m *model) start(s Step) bool {
	j := &m.jobs[s.Key]
	if m.control != 0 || j.state != jobNone {
		return false // nested starts break the library
	}
	if s.Ctx != noCtx && !m.ctxs[s.Ctx].usable() {
		return false
	}
	if s.Ctx == noCtx && s.Variant == bodyPause {
		return false // the library crashes when such a job is resumed
	}
	if s.Variant == bodyNull && s.Value == nullNoBytes && !m.lib.dropsEmptyArgs() {
		return false
	}
	if !m.pool {
		m.pool, m.max = true, 0 // the library makes one by itself
	}
	if m.max > 0 && m.alive() >= m.max {
		m.counts[NoJobs]++
		return true
	}
	m.counts[Starts]++
	*j = modelJob{jobRunning, s.Ctx, s.Variant, 0}
	if s.Ctx != noCtx {
		m.startedOn(&m.ctxs[s.Ctx])
	} else {
		m.counts[NoWaitCtx]++
	}
	switch s.Variant {
	case bodySteps:
		m.control = 1 + int(s.Key)
	case bodyPause:
		m.counts[Pauses]++
		j.state = jobPaused
	case bodyNumber:
		if s.Data > 256 {
			m.counts[LargeArgs]++
		}
		m.finish(j)
	case bodyNull:
		if s.Value == nullNoBytes {
			m.counts[EmptyArgs]++
		} else {
			m.counts[NullArgs]++
		}
		m.finish(j)
	default:
		m.finish(j)
	}
	return true
}

func (m *model) startedOn(c *modelCtx) {
	if c.jobs > 0 {
		m.counts[TwoJobsOnCtx]++
	}
	if c.finished {
		m.counts[ReuseAfterFinish]++
		if c.added() > 0 {
			m.counts[ToldAgain]++
		}
	}
	c.jobs++
}

func (m *model) resume(slot uint8) bool {
	j := &m.jobs[slot]
	if m.control != 0 || j.state != jobPaused {
		return false
	}
	m.counts[Resumes]++
	j.state = jobRunning
	m.ctxs[j.ctx].reset()
	if j.body == bodySteps {
		m.control = 1 + int(slot)
	} else {
		m.finish(j)
	}
	return true
}

func (m *model) pause() bool {
	j := m.job()
	switch {
	case j == nil:
		m.counts[PausesOutside]++
	case j.blocked > 0:
		m.counts[BlockedPauses]++
	case j.ctx == noCtx:
		return false
	default:
		m.counts[Pauses]++
		j.state = jobPaused
		m.control = 0
	}
	return true
}

func (m *model) block() bool {
	j := m.job()
	if j == nil {
		m.counts[BlocksOutside]++
		return true
	}
	if j.blocked == maxBlocked {
		return false
	}
	if j.blocked > 0 {
		m.counts[NestedBlocks]++
	}
	j.blocked++
	return true
}

// ret returns from a cleanup or a body.
func (m *model) ret() bool {
	if m.inCleanup() {
		m.endCleanup()
		return true
	}
	j := m.job()
	if j == nil || j.blocked > 0 {
		return false // the block would stay, and apply to the thread's next job
	}
	m.control = 0
	m.finish(j)
	return true
}

func (m *model) finish(j *modelJob) {
	m.counts[Finishes]++
	j.state = jobNone
	if j.ctx != noCtx {
		c := &m.ctxs[j.ctx]
		c.jobs--
		c.finished = true
	}
}

// closing returns the next step towards a state in which no job, context or pool is left, and
// whether there is one.
func (m *model) closing() (Step, bool) {
	if j := m.job(); m.inCleanup() {
		return Step{Op: OpReturn}, true
	} else if j != nil && j.blocked > 0 {
		return Step{Op: OpUnblock}, true
	} else if j != nil {
		return Step{Op: OpReturn}, true
	}
	for slot, j := range m.jobs {
		if j.state == jobPaused {
			return Step{Op: OpResume, Key: uint8(slot)}, true
		}
	}
	for i, c := range m.ctxs {
		if c.live {
			return Step{Op: OpFree, Ctx: uint8(i)}, true
		}
	}
	return Step{Op: OpCleanup}, m.pool
}

// normalize drops the steps that are undefined in their state, and appends the steps that close
// the script.
func normalize(lib version, raw []Step) ([]Step, Counts) {
	m := model{lib: lib}
	steps := make([]Step, 0, len(raw)+16)
	for _, s := range raw {
		if m.apply(s) {
			steps = append(steps, s)
		}
	}
	return m.closed(steps)
}

func (m *model) closed(steps []Step) ([]Step, Counts) {
	for s, more := m.closing(); more; s, more = m.closing() {
		if !m.apply(s) {
			panic("difftest: the model does not allow its own end of the script: " + s.String())
		}
		steps = append(steps, s)
	}
	m.counts[Scripts]++
	m.counts[Steps] += len(steps)
	return steps, m.counts
}
