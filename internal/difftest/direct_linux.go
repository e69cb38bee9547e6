package difftest

import (
	"fmt"
	"slices"
	"strconv"
	"unsafe"

	"github.com/ebitengine/purego"
)

// direct is the library in the test's own process, called without cgo. In OpenSSL jobs are
// thread-local, so all calls must be on one thread (runtime.LockOSThread). The bodies of jobs are
// C functions: with a Go frame on its stack a job could not pause, since the Go runtime does not
// know of C's switches. Cleanups and callbacks are Go functions: the library calls them on the
// thread's own stack, as no script frees a context inside a job.
type direct struct {
	isCapable, initThread, cleanupThread, startJob, pauseJob, blockPause, unblockPause, currentJob, jobCtx,
	newCtx, freeCtx, setFD, getFD, allFDs, changedFDs, clearFD, setCallback, getCallback, setStatus, getStatus uintptr

	// The C library's, as bodies: one that reads a number behind spaces and returns it, and one that
	// returns 0 for NULL, and another number for nearly any other argument.
	atoi, abs uintptr

	cleanups  [numCleanups]uintptr
	callbacks [numCallbacks]uintptr

	// now is the side of the script that runs. The C functions that call Go are never freed, so
	// they are made once and find the side here, instead of by a closure for each script.
	now *directSide
}

// openDirect loads the library, and returns its version and a function that makes a side on it
// for each script.
func openDirect(library string) (version, func(*machine) side, error) {
	handle, err := purego.Dlopen(library, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return 0, nil, fmt.Errorf("%w: %w", errMissing, err)
	}
	var lib version
	if number, err := purego.Dlsym(handle, "OpenSSL_version_num"); err == nil {
		lib = version(pointer(number))
	}
	d := new(direct)
	for name, to := range map[string]*uintptr{
		"ASYNC_is_capable": &d.isCapable, "ASYNC_init_thread": &d.initThread,
		"ASYNC_cleanup_thread": &d.cleanupThread, "ASYNC_start_job": &d.startJob, "ASYNC_pause_job": &d.pauseJob,
		"ASYNC_block_pause": &d.blockPause, "ASYNC_unblock_pause": &d.unblockPause,
		"ASYNC_get_current_job": &d.currentJob, "ASYNC_get_wait_ctx": &d.jobCtx, "ASYNC_WAIT_CTX_new": &d.newCtx,
		"ASYNC_WAIT_CTX_free": &d.freeCtx, "ASYNC_WAIT_CTX_set_wait_fd": &d.setFD, "ASYNC_WAIT_CTX_get_fd": &d.getFD,
		"ASYNC_WAIT_CTX_get_all_fds": &d.allFDs, "ASYNC_WAIT_CTX_get_changed_fds": &d.changedFDs,
		"ASYNC_WAIT_CTX_clear_fd": &d.clearFD, "ASYNC_WAIT_CTX_set_callback": &d.setCallback,
		"ASYNC_WAIT_CTX_get_callback": &d.getCallback, "ASYNC_WAIT_CTX_set_status": &d.setStatus,
		"ASYNC_WAIT_CTX_get_status": &d.getStatus,
	} {
		if *to, err = purego.Dlsym(handle, name); err != nil {
			return 0, nil, err
		}
	}
	for name, to := range map[string]*uintptr{"atoi": &d.atoi, "abs": &d.abs} {
		if *to, err = purego.Dlsym(purego.RTLD_DEFAULT, name); err != nil {
			return 0, nil, err
		}
	}
	for i := range d.cleanups[1:] {
		kind := uint8(i + 1)
		d.cleanups[kind] = purego.NewCallback(func(w, key uintptr, fd int32, data uintptr) {
			d.now.m.cleaned(d.now.id(w), int64(key), int64(fd), int64(data), kind)
		})
	}
	for i := range d.callbacks[1:] {
		fn := uint8(i + 1)
		d.callbacks[fn] = purego.NewCallback(func(arg uintptr) uintptr {
			d.now.m.called(fn, int64(arg))
			return 0
		})
	}
	return lib, func(m *machine) side {
		d.now = &directSide{direct: d, m: m}
		return d.now
	}, nil
}

// directSide is the state of one script. The library writes to its fields only, since a variable
// on a goroutine's stack could move.
type directSide struct {
	*direct
	m    *machine
	ctxs [numCtxs]uintptr
	jobs [numJobs]uintptr // the paused ones

	fd, ret   int32
	job       uintptr
	fn, data  uintptr
	n, n2     uintptr
	list, del [4 * maxRecords]int32
	args      [maxPadding + 16]byte
}

func call(fn uintptr, args ...uintptr) int32 {
	r, _, _ := purego.SyscallN(fn, args...)
	return int32(r)
}

func pointer(fn uintptr, args ...uintptr) uintptr {
	r, _, _ := purego.SyscallN(fn, args...)
	return r
}

// word converts a number to the size of a pointer.
func word(n int32) uintptr { return uintptr(int(n)) }

func (d *directSide) id(w uintptr) int {
	if w == 0 {
		return -1
	}
	for i, c := range d.ctxs {
		if c == w {
			return i
		}
	}
	return -2
}

func (d *directSide) create(ctx uint8) bool {
	d.ctxs[ctx] = pointer(d.newCtx)
	return d.ctxs[ctx] != 0
}

func (d *directSide) free(ctx uint8) {
	call(d.freeCtx, d.ctxs[ctx])
	d.ctxs[ctx] = 0
}

func (d *directSide) set(ctx, key uint8, fd, data int32, cleanup uint8) bool {
	return call(d.setFD, d.ctxs[ctx], uintptr(key), word(fd), word(data), d.cleanups[cleanup]) == 1
}

func (d *directSide) get(ctx, key uint8) (int32, int32, bool) {
	ok := call(d.getFD, d.ctxs[ctx], uintptr(key), address(&d.fd), address(&d.data)) == 1
	return d.fd, int32(d.data), ok
}

func (d *directSide) clear(ctx, key uint8) bool {
	return call(d.clearFD, d.ctxs[ctx], uintptr(key)) == 1
}

func (d *directSide) all(ctx uint8) (int, []int32) {
	call(d.allFDs, d.ctxs[ctx], 0, address(&d.n))
	call(d.allFDs, d.ctxs[ctx], address(&d.list[0]), address(&d.n2))
	return int(d.n), slices.Clone(d.list[:d.n2])
}

func (d *directSide) changed(ctx, lists uint8) (added, deleted int, add, del []int32) {
	call(d.changedFDs, d.ctxs[ctx], 0, address(&d.n), 0, address(&d.n2))
	var toAdd, toDel uintptr
	if lists&listAdded != 0 {
		toAdd = address(&d.list[0])
	}
	if lists&listDeleted != 0 {
		toDel = address(&d.del[0])
	}
	added, deleted = int(d.n), int(d.n2)
	call(d.changedFDs, d.ctxs[ctx], toAdd, address(&d.n), toDel, address(&d.n2))
	return added, deleted, slices.Clone(d.list[:d.n]), slices.Clone(d.del[:d.n2])
}

func (d *directSide) setCallback(ctx, fn uint8, arg int32) bool {
	return call(d.direct.setCallback, d.ctxs[ctx], d.callbacks[fn], word(arg)) == 1
}

func (d *directSide) callback(ctx uint8) (int32, bool) {
	if call(d.getCallback, d.ctxs[ctx], address(&d.fn), address(&d.data)) != 1 {
		return 0, false
	}
	call(d.fn, d.data)
	return int32(d.data), true
}

func (d *directSide) setStatus(ctx uint8, status int32) bool {
	return call(d.direct.setStatus, d.ctxs[ctx], word(status)) == 1
}

func (d *directSide) status(ctx uint8) int32 { return call(d.getStatus, d.ctxs[ctx]) }

func (d *directSide) initPool(max int64, init int32) bool {
	return call(d.initThread, uintptr(max), uintptr(init)) == 1
}

func (d *directSide) cleanupPool() { call(d.cleanupThread) }

func (d *directSide) start(job, ctx, body uint8, value, padding int32) ended {
	var w, fn uintptr
	if ctx != noCtx {
		w = d.ctxs[ctx]
	}
	switch body {
	case bodyPause:
		fn = d.pauseJob
	case bodyCapable:
		fn = d.isCapable
	case bodyNumber:
		fn = d.atoi
	case bodyNull:
		args, size := address(&d.args[0]), uintptr(0)
		if value != nullNoBytes {
			args = 0
		}
		if value == nullBytes {
			size = 8
		}
		return d.run(job, w, d.abs, args, size)
	default:
		panic("steps in a job of the direct side")
	}
	return d.runWith(job, w, fn, value, padding)
}

// resume passes another function, arguments and context, which the library must ignore.
func (d *directSide) resume(job uint8) ended {
	return d.runWith(job, d.ctxs[0], d.atoi, -99, 0)
}

// runWith passes value as a string behind spaces, which the library copies when it starts a job.
func (d *directSide) runWith(job uint8, w, fn uintptr, value, padding int32) ended {
	for i := range padding {
		d.args[i] = ' '
	}
	args := append(strconv.AppendInt(d.args[:padding], int64(value), 10), 0)
	return d.run(job, w, fn, address(&args[0]), uintptr(len(args)))
}

func (d *directSide) run(job uint8, w, fn, args, size uintptr) ended {
	const untouched = 0x5aa55aa5
	d.job, d.ret = d.jobs[job], untouched
	e := ended{outcome: call(d.startJob, address(&d.job), w, address(&d.ret), fn, args, size)}
	switch {
	case e.outcome == outcomeFinish:
		e.ret = d.ret
	case d.ret != untouched:
		e.odd = "touched"
	}
	if (d.job != 0) != (e.outcome == outcomePause) || d.jobs[job] != 0 && d.job != 0 && d.jobs[job] != d.job {
		e.odd = "handle"
	}
	d.jobs[job] = d.job
	return e
}

func (d *directSide) pause() bool { return call(d.pauseJob) == 1 }

func (d *directSide) block(uint8) { call(d.blockPause) }

func (d *directSide) unblock(uint8) { call(d.unblockPause) }

func (d *directSide) current() (int, bool) {
	job := pointer(d.currentJob)
	if job == 0 {
		return 0, false
	}
	return d.id(pointer(d.jobCtx, job)), true
}

func (d *directSide) waitCtx(job uint8) int { return d.id(pointer(d.jobCtx, d.jobs[job])) }

func (d *directSide) capable() bool { return call(d.isCapable) == 1 }

func (d *directSide) paused(job uint8) bool { return d.jobs[job] != 0 }

// close does nothing: jobs that a failed script leaves paused can only be leaked.
func (d *directSide) close() {}

// address returns the address of a field of a directSide.
func address[T any](p *T) uintptr { return uintptr(unsafe.Pointer(p)) }
