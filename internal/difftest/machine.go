package difftest

import (
	"fmt"
	"strconv"
)

// side is one implementation of the functions, with the contexts and jobs of a script. It calls
// the machine's body, cleaned and called from its bodies, cleanups and callbacks.
type side interface {
	create(ctx uint8) bool
	free(ctx uint8)
	set(ctx, key uint8, fd, data int32, cleanup uint8) bool
	get(ctx, key uint8) (fd, data int32, ok bool)
	clear(ctx, key uint8) bool
	all(ctx uint8) (n int, fds []int32)
	changed(ctx, lists uint8) (added, deleted int, add, del []int32)
	setCallback(ctx, fn uint8, arg int32) bool
	callback(ctx uint8) (arg int32, ok bool) // gets the callback and calls it
	setStatus(ctx uint8, status int32) bool
	status(ctx uint8) int32
	initPool(max int64, init int32) bool
	cleanupPool()
	start(job, ctx, body uint8, value, padding int32) ended
	resume(job uint8) ended
	pause() bool
	block(job uint8)
	unblock(job uint8)
	current() (ctx int, ok bool)
	waitCtx(job uint8) int
	capable() bool
	paused(job uint8) bool
	close() // called after the script, which may have failed at any step
}

// ended is the result of starting or resuming a job. The numbers of outcome are OpenSSL's. odd
// names a handle or a result that is wrong.
type ended struct {
	outcome, ret int32
	odd          string
}

// machine runs a script on a side and writes the trace. testdata/interp.c is the same in C.
type machine struct {
	side    side
	steps   []Step
	pc      int
	control int // the code that has control: 0 outside jobs, 1 + slot in a job
	live    [numCtxs]bool
	out     []byte
}

const (
	outcomePause  = 2
	outcomeFinish = 3
)

// runOn returns the trace of the script on the side that makeSide makes.
func runOn(steps []Step, makeSide func(*machine) side) (trace []byte) {
	m := &machine{steps: steps, out: make([]byte, 0, 16*len(steps))}
	m.side = makeSide(m)
	defer func() {
		if v := recover(); v != nil { // a panic on that side is a difference
			trace = fmt.Appendf(m.out, "\npanic: %v\n", v)
		}
	}()
	defer m.side.close()
	for m.pc < len(m.steps) {
		m.run()
	}
	return m.out
}

// run takes steps until one returns from the body or the cleanup that called it.
func (m *machine) run() int32 {
	for m.pc < len(m.steps) {
		s := m.steps[m.pc]
		m.num(int64(m.pc))
		m.num(int64(m.control))
		m.pc++
		if s.Op == OpReturn {
			m.end()
			return s.Value
		}
		m.step(s)
		m.end()
	}
	return 0
}

// body is called in a job, and returns the job's result.
func (m *machine) body(job uint8) int32 {
	m.control = 1 + int(job)
	m.out = append(m.out, '>')
	m.num(int64(job))
	m.end()
	return m.run()
}

// cleaned is called in a cleanup.
func (m *machine) cleaned(ctx int, key, fd, data int64, cleanup uint8) {
	m.out = append(m.out, '~')
	m.nums(int64(ctx), key, fd, data)
	m.end()
	if cleanup == cleanupActs {
		m.run()
	}
}

// called is called in a callback.
func (m *machine) called(fn uint8, arg int64) {
	m.out = append(m.out, '*')
	m.nums(int64(fn), arg)
	m.end()
}

func (m *machine) step(s Step) {
	if s.Op > OpNew && s.Op <= OpStatus && !m.live[s.Ctx] {
		m.word("astray")
		return
	}
	mine := m.control
	switch s.Op {
	case OpNew:
		m.live[s.Ctx] = m.side.create(s.Ctx)
		m.yes(m.live[s.Ctx])
	case OpFree:
		m.end()
		m.side.free(s.Ctx)
		m.live[s.Ctx] = false
		m.out = append(m.out, "= freed"...)
	case OpSet:
		m.yes(m.side.set(s.Ctx, s.Key, s.Value, s.Data, s.Variant))
	case OpGet:
		fd, data, ok := m.side.get(s.Ctx, s.Key)
		if m.yes(ok) {
			m.nums(int64(fd), int64(data))
		}
	case OpClear:
		m.yes(m.side.clear(s.Ctx, s.Key))
	case OpAll:
		n, fds := m.side.all(s.Ctx)
		m.nums(1, int64(n), int64(len(fds)))
		m.list("fds", fds)
	case OpChanged:
		m.changed(s)
	case OpSetCallback:
		m.yes(m.side.setCallback(s.Ctx, s.Variant, s.Data))
	case OpCallback:
		m.end()
		arg, ok := m.side.callback(s.Ctx)
		m.out = append(m.out, '=')
		if m.yes(ok) {
			m.num(int64(arg))
		}
	case OpSetStatus:
		m.yes(m.side.setStatus(s.Ctx, s.Value))
	case OpStatus:
		m.num(int64(m.side.status(s.Ctx)))
	case OpInit:
		m.yes(m.side.initPool(s.initMax(), s.Data))
	case OpCleanup:
		m.side.cleanupPool()
	case OpStart, OpResume:
		m.stretch(s)
	case OpPause:
		m.end()
		ok := m.side.pause()
		m.control = mine
		m.out = append(m.out, '=')
		m.num(int64(mine))
		m.yes(ok)
	case OpBlock:
		m.side.block(s.Key)
	case OpUnblock:
		m.side.unblock(s.Key)
	case OpCurrent:
		ctx, ok := m.side.current()
		if m.yes(ok) {
			m.num(int64(ctx))
		}
	case OpWaitCtx:
		if m.side.paused(s.Key) {
			m.num(int64(m.side.waitCtx(s.Key)))
		} else {
			m.word("astray")
		}
	case OpCapable:
		m.yes(m.side.capable())
	}
}

// stretch starts or resumes a job, and writes how that ended.
func (m *machine) stretch(s Step) {
	mine := m.control
	if m.side.paused(s.Key) != (s.Op == OpResume) || mine != 0 {
		m.word("astray")
		return
	}
	m.end()
	var e ended
	if s.Op == OpStart {
		e = m.side.start(s.Key, s.Ctx, s.Variant, s.Value, s.Data)
	} else {
		e = m.side.resume(s.Key)
	}
	m.control = mine
	m.out = append(m.out, '=')
	m.nums(int64(s.Key), int64(e.outcome))
	if e.outcome == outcomeFinish {
		m.num(int64(e.ret))
	}
	if e.odd != "" {
		m.word(e.odd)
	}
}

func (m *machine) changed(s Step) {
	added, deleted, add, del := m.side.changed(s.Ctx, s.Variant)
	m.nums(1, int64(added), int64(deleted), int64(added), int64(deleted))
	if s.Variant&listAdded != 0 {
		m.list("added", add)
	}
	if s.Variant&listDeleted != 0 {
		m.list("deleted", del)
	}
}

func (m *machine) num(v int64) { m.out = strconv.AppendInt(append(m.out, ' '), v, 10) }

func (m *machine) nums(vs ...int64) {
	for _, v := range vs {
		m.num(v)
	}
}

func (m *machine) yes(ok bool) bool {
	if ok {
		m.num(1)
	} else {
		m.num(0)
	}
	return ok
}

func (m *machine) list(mark string, fds []int32) {
	m.word(mark)
	for _, fd := range fds {
		m.num(int64(fd))
	}
}

func (m *machine) word(s string) { m.out = append(append(m.out, ' '), s...) }

func (m *machine) end() { m.out = append(m.out, '\n') }
