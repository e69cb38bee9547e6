package difftest

import (
	"context"
	"fmt"

	"asynccrypto/async"
)

// goSide is package async. It keeps one Pool, as the library keeps one for each thread.
type goSide struct {
	m       *machine
	ctxs    [numCtxs]async.WaitCtx // used again after Close, which leaves the zero value
	jobs    [numJobs]async.Job
	isAlive [numJobs]bool
	running int8 // the job that has control, or -1
	pool    *async.Pool
	fds     []async.FD
}

func newGoSide(m *machine) side { return &goSide{m: m, running: -1} }

// keys are distinguished by their addresses, as engines usually do.
var keys [numKeys]byte

func goKey(key uint8) any {
	if key == 0 {
		return nil
	}
	return &keys[key]
}

// goData returns nil for 0, which is NULL on the C side.
func goData(data int32) any {
	if data == 0 {
		return nil
	}
	return data
}

func number(data any) int32 {
	n, _ := data.(int32)
	return n
}

func (g *goSide) create(ctx uint8) bool { return true }

func (g *goSide) free(ctx uint8) {
	if err := g.ctxs[ctx].Close(); err != nil {
		panic(err)
	}
}

func (g *goSide) set(ctx, key uint8, fd, data int32, cleanup uint8) bool {
	var fn async.CleanupFunc
	if cleanup != cleanupNone {
		fn = func(w *async.WaitCtx, key any, fd async.FD, data any) {
			k := int64(0)
			for i := range keys {
				if key == &keys[i] {
					k = int64(i)
				}
			}
			g.m.cleaned(g.id(w), k, int64(int32(fd)), int64(number(data)), cleanup)
		}
	}
	g.ctxs[ctx].SetWaitFD(goKey(key), async.FD(fd), goData(data), fn)
	return true
}

// id returns the index of w in ctxs, -1 for nil, and -2 for a context that the script does not
// have.
func (g *goSide) id(w *async.WaitCtx) int {
	if w == nil {
		return -1
	}
	for i := range g.ctxs {
		if w == &g.ctxs[i] {
			return i
		}
	}
	return -2
}

func (g *goSide) get(ctx, key uint8) (fd, data int32, ok bool) {
	f, d, ok := g.ctxs[ctx].FD(goKey(key))
	return int32(f), number(d), ok
}

func (g *goSide) clear(ctx, key uint8) bool { return g.ctxs[ctx].ClearFD(goKey(key)) }

func (g *goSide) all(ctx uint8) (int, []int32) {
	g.fds = g.ctxs[ctx].AllFDs(g.fds[:0])
	return len(g.fds), ints(g.fds)
}

func (g *goSide) changed(ctx, lists uint8) (added, deleted int, add, del []int32) {
	a, d := g.ctxs[ctx].ChangedFDs(nil, nil)
	return len(a), len(d), ints(a), ints(d)
}

func ints(fds []async.FD) []int32 {
	list := make([]int32, len(fds))
	for i, fd := range fds {
		list[i] = int32(fd)
	}
	return list
}

func (g *goSide) setCallback(ctx, fn uint8, arg int32) bool {
	var f func(any)
	if fn != 0 {
		f = func(arg any) { g.m.called(fn, int64(number(arg))) }
	}
	g.ctxs[ctx].SetCallback(f, goData(arg))
	return true
}

func (g *goSide) callback(ctx uint8) (int32, bool) {
	fn, arg, ok := g.ctxs[ctx].Callback()
	if ok {
		fn(arg)
	}
	return number(arg), ok
}

func (g *goSide) setStatus(ctx uint8, status int32) bool {
	g.ctxs[ctx].SetStatus(async.Status(status))
	return true
}

func (g *goSide) status(ctx uint8) int32 { return int32(g.ctxs[ctx].Status()) }

func (g *goSide) initPool(max int64, init int32) bool {
	pool, err := async.NewPool(int(max), int(init))
	if err == nil {
		g.pool = pool
	}
	return err == nil
}

func (g *goSide) cleanupPool() {
	if g.pool != nil {
		if err := g.pool.Close(); err != nil {
			panic(err)
		}
	}
	g.pool = nil
}

// result carries the int that a job returns in C, as the error that it returns in Go.
type result int32

func (r result) Error() string { return fmt.Sprint("returned ", int32(r)) }

func (g *goSide) start(job, ctx, body uint8, value, _ int32) ended {
	if g.pool == nil && !g.initPool(0, 0) { // the library makes one by itself
		panic("no default pool")
	}
	var w *async.WaitCtx
	if ctx != noCtx {
		w = &g.ctxs[ctx]
	}
	g.jobs[job] = async.Job{}
	j, out, err := g.pool.Start(w, func(j async.Job) error {
		g.running = int8(job)
		g.jobs[job] = j
		switch body {
		case bodyPause:
			if err := j.Pause(); err != nil {
				return err
			}
			return result(1)
		case bodyCapable:
			return capable()
		case bodyNumber:
			return result(value)
		case bodyNull:
			return result(0) // in Go a closure brings the arguments
		}
		return result(g.m.body(job))
	})
	e := g.ended(job, out, err)
	if e.odd == "" && (out == async.Paused && j != g.jobs[job] || out != async.Paused && j != async.Job{}) {
		e.odd = "handle"
	}
	return e
}

func (g *goSide) resume(job uint8) ended {
	out, err := g.jobs[job].Resume()
	return g.ended(job, out, err)
}

// ended checks that the error matches the outcome, and that the handle is stale once its job has
// finished.
func (g *goSide) ended(job uint8, out async.Outcome, err error) ended {
	g.running = -1
	g.isAlive[job] = out == async.Paused
	e := ended{outcome: int32(out)}
	switch r, isResult := err.(result); {
	case out == async.Finished && isResult:
		e.ret = int32(r)
	case out == async.Paused && err == nil, out == async.NoJobs && err == async.ErrNoJobs:
	default:
		e.odd = fmt.Sprint("error ", err)
	}
	if g.isAlive[job] != (g.jobs[job].Err() == nil) {
		e.odd = "handle"
	}
	return e
}

// own returns the handle of the job that has control, or the zero Job outside jobs.
func (g *goSide) own() async.Job {
	if g.running < 0 {
		return async.Job{}
	}
	return g.jobs[g.running]
}

func (g *goSide) pause() bool {
	mine := g.running
	err := g.own().Pause()
	g.running = mine
	return err == nil
}

// block calls BlockPause outside jobs on the handle of a paused job, where it must do nothing.
func (g *goSide) block(job uint8) {
	if g.running < 0 {
		g.jobs[job].BlockPause()
		return
	}
	g.own().BlockPause()
}

func (g *goSide) unblock(job uint8) {
	if g.running < 0 {
		g.jobs[job].UnblockPause()
		return
	}
	g.own().UnblockPause()
}

func (g *goSide) current() (int, bool) {
	j, ok := async.FromContext(async.NewContext(context.Background(), g.own()))
	if !ok || j != g.own() {
		return 0, false
	}
	return g.id(j.WaitCtx()), true
}

func (g *goSide) waitCtx(job uint8) int { return g.id(g.jobs[job].WaitCtx()) }

func capable() result {
	if async.IsCapable() {
		return 1
	}
	return 0
}

func (g *goSide) capable() bool { return capable() == 1 }

func (g *goSide) paused(job uint8) bool { return g.isAlive[job] }

// close skips the remaining steps first, since a failed script leaves jobs and cleanups that
// still run.
func (g *goSide) close() {
	g.m.pc = len(g.m.steps)
	n := len(g.m.out)
	g.cleanupPool()
	for i := range g.ctxs {
		g.free(uint8(i))
	}
	g.m.out = g.m.out[:n]
}
