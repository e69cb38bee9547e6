package async_test

import (
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"asynccrypto/async"
)

// line is a pool with the waiters of its Notify, and records those that were notified.
type line struct {
	pool     *async.Pool
	notified []any
}

// ask calls Notify for the waiter with this number.
func (l *line) ask(who int) (stop func()) {
	return l.pool.Notify(func(arg any) { l.notified = append(l.notified, arg) }, who)
}

func (l *line) want(t *testing.T, notified ...any) {
	t.Helper()
	if !slices.Equal(l.notified, notified) {
		t.Errorf("notified: %v, want %v", l.notified, notified)
	}
}

// fullLine returns the line of a pool whose places are taken by jobs.
func fullLine(t *testing.T, places int) (*line, []async.Job) {
	t.Helper()
	l := &line{pool: newPool(t, places)}
	var jobs []async.Job
	for range places {
		jobs = append(jobs, startPaused(t, l.pool, nil, func(j async.Job) error { return j.Pause() }))
	}
	_, out, err := l.pool.Start(nil, pauseForever)
	want(t, out, err, async.NoJobs, async.ErrNoJobs)
	return l, jobs
}

func TestFirstAskedFirstTold(t *testing.T) {
	l, jobs := fullLine(t, 4)
	for who := range 6 {
		l.ask(who)
	}
	l.want(t)
	jobs[2].Resume()
	l.want(t, 0)
	jobs[0].Cancel() // however a place comes free
	l.want(t, 0, 1)
	startPaused(t, l.pool, nil, func(j async.Job) error { panic(j.Pause()) }).Cancel()
	l.want(t, 0, 1, 2)
	j := startPaused(t, l.pool, nil, func(j async.Job) error { j.Pause(); runtime.Goexit(); return nil })
	l.want(t, 0, 1, 2) // no notification for a place that was taken
	j.Resume()
	l.want(t, 0, 1, 2, 3)
	l.pool.Start(nil, func(async.Job) error { return nil })
	l.want(t, 0, 1, 2, 3, 4)
	l.pool.Close()
	l.want(t, 0, 1, 2, 3, 4, 5)
}

func TestNotifyAtOnce(t *testing.T) {
	for _, max := range []int{0, 1, 2} {
		l := &line{pool: newPool(t, max)}
		l.ask(0) // before the pool has made any coroutine
		l.want(t, 0)
		l.pool.Start(nil, func(async.Job) error { return nil })
		l.ask(1) // an idle one
		l.want(t, 0, 1)
		l.pool.Close()
		l.ask(2) // so that its Start hears that the pool is closed
		l.want(t, 0, 1, 2)
	}
}

// A function that is notified may itself start a job, ask again, or leave: nothing is locked then.
func TestNotifyFromNotify(t *testing.T) {
	l, jobs := fullLine(t, 1)
	var stop func()
	stop = l.pool.Notify(func(any) {
		j := startPaused(t, l.pool, nil, pauseForever)
		l.ask(1)
		l.want(t)
		stop()
		j.Cancel()
		l.want(t, 1)
	}, nil)
	jobs[0].Resume()
	l.want(t, 1)
}

func TestStopBeforeBeingTold(t *testing.T) {
	l, jobs := fullLine(t, 3)
	var stops []func()
	for who := range 6 {
		stops = append(stops, l.ask(who))
	}
	for _, who := range []int{0, 2, 5, 2} { // the head, the middle, the tail, and one twice
		stops[who]()
	}
	for _, j := range jobs {
		j.Resume()
	}
	l.want(t, 1, 3, 4)
	stops[0]() // waiters that left have nothing to pass on
	l.ask(6)
	l.want(t, 1, 3, 4, 6)
}

func TestStopAfterBeingToldPassesOn(t *testing.T) {
	l, jobs := fullLine(t, 1)
	stop0, stop1 := l.ask(0), l.ask(1)
	l.ask(2)
	l.ask(3)
	jobs[0].Resume()
	l.want(t, 0)
	stop0()
	l.want(t, 0, 1)
	stop0() // only once
	l.want(t, 0, 1)
	j := startPaused(t, l.pool, nil, pauseForever)
	stop1() // 1 was notified and has started: there is no place to pass on
	l.want(t, 0, 1)
	j.Cancel()
	l.want(t, 0, 1, 2)
}

func TestCloseTellsAll(t *testing.T) {
	l, _ := fullLine(t, 2)
	for who := range 4 {
		l.ask(who)
	}
	stop := l.ask(4)
	stop()
	l.pool.Close()
	l.want(t, 0, 1, 2, 3)
	stop()
	l.want(t, 0, 1, 2, 3)
}

// Many more goroutines than places, each of which waits for a notification whenever it is refused.
// After one lost wake no goroutine in the bubble could go on: synctest would report a deadlock.
func TestNoWakeIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const places, goroutines, jobs = 2, 10, 300
		pool := newPool(t, places)
		var done, waits atomic.Int32
		var wg sync.WaitGroup
		for g := range goroutines {
			wg.Go(func() {
				for n := range jobs {
					j, out, err := pool.Start(nil, func(j async.Job) error { return j.Pause() })
					for out == async.NoJobs {
						waits.Add(1)
						notified := make(chan bool, 1)
						if (g+n)%3 == 0 { // loses interest, perhaps during the notification
							stop := pool.Notify(func(any) {}, nil)
							runtime.Gosched()
							stop()
						}
						pool.Notify(func(any) { notified <- true }, nil)
						<-notified
						j, out, err = pool.Start(nil, func(j async.Job) error { return j.Pause() })
					}
					want(t, out, err, async.Paused, nil)
					if n%50 == 0 {
						time.Sleep(time.Second) // until nobody else can go on
					}
					if n%3 == 0 {
						err = j.Cancel()
					} else {
						_, err = j.Resume()
					}
					if err != nil {
						t.Error(err)
					}
					done.Add(1)
				}
			})
		}
		wg.Wait()
		if done.Load() != goroutines*jobs || waits.Load() == 0 {
			t.Error(done.Load(), waits.Load())
		}
	})
}

// Close and Notify at once: all waiters are notified.
func TestNotifyWhileClosing(t *testing.T) {
	for range 1000 {
		pool, _ := async.NewPool(1, 0)
		startPaused(t, pool, nil, pauseForever)
		var notified atomic.Int32
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() { pool.Notify(func(any) { notified.Add(1) }, nil) })
		}
		wg.Go(func() { pool.Close() })
		wg.Wait()
		if notified.Load() != 3 {
			t.Fatalf("%d of 3 were notified", notified.Load())
		}
	}
}
