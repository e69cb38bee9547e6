package async_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"asynccrypto/async"
)

const (
	modelPlaces = 3
	modelJobs   = 6 // handles that are remembered
)

// modelJob is the expected state of a job.
type modelJob struct {
	handle    async.Job
	goroutine string // that of its place
	state     string // "running", "paused", "over"
	blocked   int
	woken     bool // a Resume found it running
	cancelled bool
	notified  bool

	wantOut async.Outcome // of the stretch that has just ended
	wantErr error
}

// machine runs a sequence of operations, each in the job that is running when its turn comes,
// beside a model of the expected results.
type machine struct {
	t           *testing.T
	ops         []byte
	pool        *async.Pool
	running     []*modelJob // innermost last
	jobs        [modelJobs]*modelJob
	idle        []string // goroutines of the idle places, the next to be used last
	places      int      // made so far
	line        []int    // the calls of Notify that wait for a place
	notified    []int    // the calls that should have been notified
	gotNotified []int
	asked       int
}

var errOwn = errors.New("the job's own")

// errUnwound marks a job that ends without returning.
var errUnwound = errors.New("unwound")

func (m *machine) next() (op, arg byte, ok bool) {
	if len(m.ops) < 2 || m.t.Failed() {
		return 0, 0, false
	}
	op, arg = m.ops[0], m.ops[1]
	m.ops = m.ops[2:]
	return op, arg, true
}

// run is the body of job j or, if j is nil, the code that starts jobs. At the end of the input all
// jobs return.
func (m *machine) run(j *modelJob) error {
	for {
		op, arg, ok := m.next()
		if !ok {
			return m.over(j, async.Finished, nil)
		}
		other := m.jobs[arg%modelJobs]
		switch op % 16 {
		case 0, 1, 2:
			m.start(int(arg % modelJobs))
		case 3, 4:
			if other != nil {
				m.resume(other)
			}
		case 5:
			if other != nil {
				m.cancel(other)
			}
		case 6:
			m.ask()
		case 7:
			if other != nil && other != j { // not on its goroutine
				other.handle.BlockPause()
				m.want(other.handle.InJob(), false)
				want := async.ErrNotInJob
				if other.state == "over" {
					want = async.ErrStale
				}
				m.want(other.handle.Pause(), want)
			}
		}
		if j == nil {
			continue
		}
		m.want(j.handle.InJob(), j.blocked == 0)
		switch op % 16 {
		case 8, 9, 10:
			m.pause(j)
		case 11:
			return m.over(j, async.Finished, errOwn)
		case 12:
			if arg%2 == 0 {
				j.handle.BlockPause()
				j.blocked++
			} else {
				j.handle.UnblockPause()
				j.blocked = max(j.blocked-1, 0)
			}
		case 13:
			m.over(j, async.Failed, errUnwound)
			panic(errUnwound)
		case 14:
			if m.over(j, async.Failed, async.ErrGoexit); j.notified {
				j.wantErr = async.ErrCanceled
			}
			runtime.Goexit()
		case 15:
			j.handle.Cancel()
			j.cancelled = true
		}
	}
}

// over returns how the running job is about to end.
func (m *machine) over(j *modelJob, out async.Outcome, err error) error {
	if j != nil {
		j.state, j.wantOut, j.wantErr = "over", out, err
	}
	return err
}

func (m *machine) pause(j *modelJob) {
	var want error
	switch {
	case j.blocked > 0:
	case j.cancelled && j.notified:
		m.over(j, async.Failed, async.ErrCanceled)
	case j.cancelled:
		j.notified, want = true, async.ErrCanceled
	case j.woken:
		j.woken = false
	default:
		j.state, j.wantOut, j.wantErr = "paused", async.Paused, nil
	}
	err := j.handle.Pause()
	if j.state != "running" {
		m.t.Errorf("Pause returned %v in a job that is %s", err, j.state)
	}
	if j.cancelled && j.notified && want == nil && j.blocked == 0 { // Cancel resumed it
		want = async.ErrCanceled
	}
	m.want(err, want)
}

func (m *machine) start(slot int) {
	if j := m.jobs[slot]; j != nil && j.state != "over" {
		return // its handle would be lost
	}
	full := m.places == modelPlaces && len(m.idle) == 0
	j := &modelJob{state: "running"}
	handle, out, err := m.pool.Start(nil, func(h async.Job) error {
		j.handle, j.goroutine = h, goroutine()
		if full {
			m.t.Error("ran beyond the limit")
		}
		if n := len(m.idle); n > 0 {
			if want := m.idle[n-1]; want != j.goroutine && want != "" {
				m.t.Errorf("on goroutine %s, want %s", j.goroutine, want)
			}
			m.idle = m.idle[:n-1]
		} else {
			m.places++
		}
		m.jobs[slot] = j
		m.running = append(m.running, j)
		return m.run(j)
	})
	if full {
		m.want(out, async.NoJobs)
		m.want(err, async.ErrNoJobs)
		return
	}
	m.ended(j, out, err)
	if (handle == async.Job{}) == (out == async.Paused) || out == async.Paused && handle != j.handle {
		m.t.Error("handle:", handle, out)
	}
}

// ended checks the end of a stretch of j.
func (m *machine) ended(j *modelJob, out async.Outcome, err error) {
	m.running = m.running[:len(m.running)-1]
	m.want(out, j.wantOut)
	if !errors.Is(err, j.wantErr) || (err == nil) != (j.wantErr == nil) {
		m.t.Errorf("error %v, want %v", err, j.wantErr)
	}
	m.left(j)
}

// left returns the place of a job that is over.
func (m *machine) left(j *modelJob) {
	if j.state != "over" {
		return
	}
	if j.wantErr == async.ErrGoexit || j.wantErr == async.ErrCanceled && j.wantOut == async.Failed {
		j.goroutine = "" // the place has a new one next time
	}
	m.idle = append(m.idle, j.goroutine)
	if len(m.line) > 0 {
		m.notified, m.line = append(m.notified, m.line[0]), m.line[1:]
	}
	if !slices.Equal(m.gotNotified, m.notified) {
		m.t.Errorf("notified: %v, want %v", m.gotNotified, m.notified)
	}
}

func (m *machine) resume(j *modelJob) {
	switch j.state {
	case "over":
		out, err := j.handle.Resume()
		m.want(out, async.Failed)
		m.want(err, async.ErrStale)
	case "running":
		j.woken = true
		out, err := j.handle.Resume()
		m.want(out, async.Failed)
		m.want(err, async.ErrBusy)
	case "paused":
		j.state = "running"
		m.running = append(m.running, j)
		out, err := j.handle.Resume()
		m.ended(j, out, err)
	}
}

func (m *machine) cancel(j *modelJob) {
	switch j.state {
	case "over":
		m.want(j.handle.Cancel(), async.ErrStale)
	case "running":
		m.want(j.handle.Cancel(), nil)
		j.cancelled = true
	case "paused":
		j.state, j.cancelled, j.notified = "running", true, true
		m.running = append(m.running, j)
		err := j.handle.Cancel()
		m.running = m.running[:len(m.running)-1]
		switch {
		case j.state != "over":
			m.t.Error("Cancel left a job", j.state)
		case j.wantErr == errUnwound:
			if !errors.Is(err, errUnwound) {
				m.t.Error("Cancel:", err)
			}
		default:
			m.want(err, nil)
		}
		m.left(j)
	}
}

func (m *machine) ask() {
	who := m.asked
	m.asked++
	m.line = append(m.line, who)
	if len(m.idle) > 0 || m.places < modelPlaces {
		m.notified, m.line = append(m.notified, m.line[0]), m.line[1:]
	}
	m.pool.Notify(func(arg any) { m.gotNotified = append(m.gotNotified, arg.(int)) }, who)
	if !slices.Equal(m.gotNotified, m.notified) {
		m.t.Errorf("notified: %v, want %v", m.gotNotified, m.notified)
	}
}

func (m *machine) want(got, want any) {
	m.t.Helper()
	if got != want {
		m.t.Errorf("got %v, want %v", got, want)
	}
}

func walkJobs(t *testing.T, ops []byte) {
	m := &machine{t: t, ops: ops, pool: newPool(t, modelPlaces)}
	m.run(nil)
	for _, j := range m.jobs { // with the input at its end each returns
		if j != nil && j.state == "paused" {
			m.resume(j)
		}
	}
	if len(m.idle) != m.places || len(m.running) != 0 {
		t.Errorf("%d places, %d idle, %d jobs running", m.places, len(m.idle), len(m.running))
	}
}

func FuzzJobs(f *testing.F) {
	f.Add([]byte{0, 0, 8, 0, 3, 0, 11, 0, 3, 0})                                    // pause, resume, return, stale
	f.Add([]byte{0, 0, 12, 0, 8, 0, 12, 1, 8, 0, 5, 0, 8, 0})                       // blocked, cancelled, unwound
	f.Add([]byte{0, 0, 0, 1, 0, 2, 0, 3, 6, 0, 8, 0, 8, 0, 8, 0, 6, 0, 5, 2, 5, 1}) // nested to the limit, and a line
	f.Add([]byte{0, 0, 3, 0, 8, 0, 15, 0, 8, 0, 8, 0, 0, 0, 8, 0, 3, 0})            // woken, then cancelled, by itself
	f.Add([]byte{0, 0, 13, 0, 0, 0, 14, 0, 0, 0, 8, 0, 5, 0, 13, 0, 0, 0, 8, 0, 5, 0, 14, 0, 0, 0})
	f.Add([]byte{0, 0, 8, 0, 0, 1, 7, 0, 3, 0, 5, 1, 7, 1, 11, 0, 8, 0, 8, 0})
	f.Fuzz(func(t *testing.T, ops []byte) {
		if len(ops) > 400 {
			t.Skip("as good as several short ones, and slow to minimize")
		}
		walkJobs(t, ops)
	})
}

// The same with long random inputs.
func TestJobsModel(t *testing.T) {
	for seed := range uint64(100) {
		random := rand.NewChaCha8([32]byte{byte(seed)})
		ops := make([]byte, 1000)
		random.Read(ops)
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) { walkJobs(t, ops) })
	}
}
