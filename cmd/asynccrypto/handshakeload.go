package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"asynccrypto/internal/cputime"
)

// load makes handshakes with a server from a number of goroutines, each one after the other.
type load struct {
	o      *handshakesOptions
	server tlsAddress
	config *tls.Config
	trial  attempt

	common     handshaker  // what the workers have in common
	clientCert atomic.Bool // the server asked for it

	start   time.Time
	claimed atomic.Int64 // attempts that were begun, or will be when their time has come

	mu sync.Mutex
	loadTally
}

// loadTally is what was counted. Its size does not depend on how many handshakes there were.
type loadTally struct {
	workers       int
	begun         int
	done, resumed int       // handshakes that succeeded, and how many of them were resumed
	wanted        int       // those of the kind that was asked for: only they are in the figures below
	handshake     durations // their latency
	dial          durations // of all connections, those whose handshake failed too
	with          map[negotiated]int
	leftOpen      int
	failures      failures
	last          time.Duration // from the start to when the last one succeeded
	elapsed       time.Duration // what the rate is for
	whole         time.Duration // until the last worker had ended, which computed goes with
	computed      time.Duration // by this process
	interrupted   bool          // elapsed and whole are shorter than what was asked for
}

// durations is a histogram that knows its maximum exactly.
type durations struct {
	histogram
	max time.Duration
}

func (d *durations) add(v time.Duration) {
	d.histogram.add(v)
	d.max = max(d.max, v)
}

// quantile gives the middle of a bucket, which must not be beyond the maximum.
func (d *durations) quantile(q float64) time.Duration { return min(d.histogram.quantile(q), d.max) }

const (
	// closeWait is how long a connection waits for the server to end it. A server that does not, in the trial, when it
	// has nothing else to do, is given shortCloseWait from then on.
	closeWait      = time.Second
	shortCloseWait = 50 * time.Millisecond
	// failurePause keeps a worker from spinning on a server that refuses at once.
	failurePause = 10 * time.Millisecond
	// maxNegotiated bounds what servers behind one address can make the client remember.
	maxNegotiated = 32
)

func newLoad(o *handshakesOptions, server tlsAddress, config *tls.Config) *load {
	l := &load{o: o, server: server, config: config}
	l.common = handshaker{network: server.network, address: server.address, config: config,
		timeout: time.Duration(o.timeout), closeWait: closeWait}
	l.with = map[negotiated]int{}
	if get := config.GetClientCertificate; get != nil {
		config.GetClientCertificate = func(r *tls.CertificateRequestInfo) (*tls.Certificate, error) {
			l.clientCert.Store(true)
			return get(r)
		}
	}
	return l
}

// worker returns a handshaker that shares no session with others.
func (l *load) worker() *handshaker {
	h := l.common
	if l.o.resume {
		h.config = l.config.Clone()
		h.config.ClientSessionCache = &ticketBox{}
	}
	return &h
}

// prepare makes one handshake on trial, which is not counted: what fails at once is better said at once. The address that
// the host's name led to is kept, so that names are not looked up in the measurement.
func (l *load) prepare(ctx context.Context, p *progress) error {
	p.show("a first handshake with %s", l.server.address)
	h := l.worker()
	l.trial = h.do(ctx)
	if l.trial.err != nil {
		return explain(l.trial.phase, l.trial.err, l.o)
	}
	l.common.address = l.trial.remote.String()
	if l.server.network == "unix" {
		l.common.address = l.server.address
	}
	if l.trial.leftOpen {
		l.common.closeWait = max(shortCloseWait, 4*l.trial.dial) // four round trips
	}
	if box, ok := h.config.ClientSessionCache.(*ticketBox); ok && box.session == nil {
		return errors.New("the server gave no session ticket, so that no handshake can be resumed; leave out -resume")
	}
	return nil
}

func (l *load) run(ctx context.Context, p *progress) {
	l.workers = l.o.concurrency
	if l.o.count > 0 {
		l.workers = min(l.workers, l.o.count)
	}
	all := make([]*handshaker, l.workers)
	for i := range all {
		all[i] = l.worker()
	}
	if l.o.resume {
		p.show("getting %s", count(l.workers, "session ticket"))
		each(all, func(h *handshaker) { h.do(ctx) }) // if one fails, so will its next, and that is counted
	}
	stop := p.every(200*time.Millisecond, l.progress)
	computed, _ := cputime.Process()
	l.start = time.Now()
	each(all, func(h *handshaker) { l.work(ctx, h) })
	l.whole = max(time.Since(l.start), 1) // what divides by it must not meet a coarse clock's 0
	after, _ := cputime.Process()
	l.computed = after - computed
	stop()
	l.interrupted = ctx.Err() != nil
	l.elapsed = l.whole
	if l.o.count == 0 && !l.interrupted {
		// What only failures took after the time was up, at a server that has stopped answering, is no part of it.
		l.elapsed = max(time.Duration(l.o.seconds), l.last)
	}
}

func each(all []*handshaker, do func(*handshaker)) {
	var wg sync.WaitGroup
	for _, h := range all {
		wg.Go(func() { do(h) })
	}
	wg.Wait()
}

// work makes handshakes until the time is up, or their number is reached, or ctx is done. What was begun is finished
// then, except when ctx is done: that is given up and not counted.
func (l *load) work(ctx context.Context, h *handshaker) {
	for l.claim(ctx) {
		a := h.do(ctx)
		if a.err != nil && ctx.Err() != nil {
			return
		}
		l.record(a)
		if a.err != nil {
			sleep(ctx, failurePause)
		}
	}
}

// claim waits for the next handshake's turn; false means that there is none.
func (l *load) claim(ctx context.Context) bool {
	n := l.claimed.Add(1) - 1
	if l.o.count > 0 && n >= int64(l.o.count) {
		return false
	}
	if l.o.rate > 0 {
		turn := time.Duration(float64(n) / float64(l.o.rate) * float64(time.Second))
		if l.o.count == 0 && turn >= time.Duration(l.o.seconds) {
			return false
		}
		sleep(ctx, turn-time.Since(l.start))
	}
	return ctx.Err() == nil && (l.o.count > 0 || time.Since(l.start) < time.Duration(l.o.seconds))
}

func sleep(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

func (l *load) record(a attempt) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.begun++
	if a.dial > 0 {
		l.dial.add(a.dial)
	}
	if a.err != nil {
		l.failures.add(a.phase, a.err, l.o)
		return
	}
	l.done++
	l.last = time.Since(l.start)
	if a.leftOpen {
		l.leftOpen++
	}
	if a.resumed {
		l.resumed++
	}
	if a.resumed != l.o.resume {
		return
	}
	l.wanted++
	l.handshake.add(a.handshake)
	if _, known := l.with[a.with]; known || len(l.with) < maxNegotiated {
		l.with[a.with]++
	}
}

func (l *load) progress() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	of := count(l.o.count, "handshake")
	if l.o.count == 0 {
		of = fmt.Sprintf("%s of %s", shortDuration(time.Since(l.start)), shortDuration(time.Duration(l.o.seconds)))
	}
	return fmt.Sprintf("%s: %s done, %s failed", of, thousands(float64(l.done)), thousands(float64(l.failures.total)))
}
