package handshakes

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"asynccrypto/internal/clock"
	"asynccrypto/internal/cputime"
	"asynccrypto/internal/measure"
)

// load makes handshakes with a server from a number of goroutines, each one after the other.
type load struct {
	o      *options
	server address
	config *tls.Config
	trial  attempt

	common     handshaker  // copied for each worker
	clientCert atomic.Bool // the server asked for it

	start   time.Duration // on clock.Now
	claimed atomic.Int64  // attempts that have begun, or wait for their turn

	mu sync.Mutex
	tally
}

// tally holds the counts. Its size does not depend on the number of handshakes.
type tally struct {
	workers       int
	begun         int
	done, resumed int       // handshakes that succeeded, and how many of them were resumed
	wanted        int       // those of the requested kind, the only ones in the figures below
	handshake     durations // their latency
	dial          durations // of all connections, also those whose handshake failed
	with          map[negotiated]int
	leftOpen      int
	failures      failures
	last          time.Duration // from the start to when the last one succeeded
	elapsed       time.Duration // the time that the rate is computed for
	whole         time.Duration // until the last worker had ended
	computed      time.Duration // by this process, during whole
	interrupted   bool          // elapsed and whole are shorter than requested
}

// durations is a histogram that knows its maximum exactly.
type durations struct {
	measure.Histogram
	max time.Duration
}

func (d *durations) Add(v time.Duration) {
	d.Histogram.Add(v)
	d.max = max(d.max, v)
}

// Quantile gives the middle of a bucket, which must not be beyond the maximum.
func (d *durations) Quantile(q float64) time.Duration { return min(d.Histogram.Quantile(q), d.max) }

const (
	// closeWait is how long a connection waits for the server to end it. If the server leaves the
	// trial's connection open, when it has nothing else to do, later connections wait only for
	// shortCloseWait.
	closeWait      = time.Second
	shortCloseWait = 50 * time.Millisecond
	// failurePause keeps a worker from spinning on a server that refuses at once.
	failurePause = 10 * time.Millisecond
	// maxNegotiated bounds the memory that servers behind one address can make the client use.
	maxNegotiated = 32
)

func newLoad(o *options, server address, config *tls.Config) *load {
	l := &load{o: o, server: server, config: config}
	l.common = handshaker{network: server.network, address: server.text, config: config,
		timeout: o.timeout, closeWait: closeWait}
	l.with = map[negotiated]int{}
	if get := config.GetClientCertificate; get != nil {
		config.GetClientCertificate = func(r *tls.CertificateRequestInfo) (*tls.Certificate, error) {
			l.clientCert.Store(true)
			return get(r)
		}
	}
	return l
}

// worker returns a handshaker with sessions of its own.
func (l *load) worker() *handshaker {
	h := l.common
	if l.o.resume {
		h.config = l.config.Clone()
		h.config.ClientSessionCache = &sessionCache{}
	}
	return &h
}

// prepare makes a trial handshake, which is not counted: a mistake is reported before the
// measurement begins. The address that the host's name led to is kept, so that the measurement
// looks up no names.
func (l *load) prepare(ctx context.Context, p *measure.Progress) error {
	p.Show("a first handshake with %s", l.server.text)
	h := l.worker()
	l.trial = h.connect(ctx)
	if l.trial.err != nil {
		return explain(l.trial.phase, l.trial.err, l.o)
	}
	l.common.address = l.trial.remote.String()
	if l.server.network == "unix" {
		l.common.address = l.server.text
	}
	if l.trial.leftOpen {
		l.common.closeWait = max(shortCloseWait, 4*l.trial.dial) // four round trips
	}
	if cache, ok := h.config.ClientSessionCache.(*sessionCache); ok && cache.session == nil {
		return errors.New("the server gave no session ticket, so no handshake can be resumed; leave out -resume")
	}
	return nil
}

func (l *load) run(ctx context.Context, p *measure.Progress) {
	l.workers = l.o.concurrency
	if l.o.count > 0 {
		l.workers = min(l.workers, l.o.count)
	}
	all := make([]*handshaker, l.workers)
	for i := range all {
		all[i] = l.worker()
	}
	if l.o.resume {
		p.Show("getting %s", measure.Count(l.workers, "session ticket"))
		forEach(all, func(h *handshaker) { h.connect(ctx) }) // one that fails here will fail again, and is counted then
	}
	stop := p.Every(200*time.Millisecond, l.progress)
	computed, _ := cputime.Process()
	l.start = clock.Now()
	forEach(all, func(h *handshaker) { l.work(ctx, h) })
	l.whole = max(clock.Now()-l.start, 1) // it is a divisor
	after, _ := cputime.Process()
	l.computed = after - computed
	stop()
	l.interrupted = ctx.Err() != nil
	l.elapsed = l.whole
	if l.o.count == 0 && !l.interrupted {
		// When a server has stopped answering, failures end long after the time is up. The rate
		// leaves that time out.
		l.elapsed = max(l.o.time, l.last)
	}
}

func forEach(all []*handshaker, do func(*handshaker)) {
	var wg sync.WaitGroup
	for _, h := range all {
		wg.Go(func() { do(h) })
	}
	wg.Wait()
}

// work makes handshakes until the time is up, their number is reached, or ctx is done. In the
// first two cases the last handshake is finished; when ctx is done it is given up and not
// counted.
func (l *load) work(ctx context.Context, h *handshaker) {
	for l.claim(ctx) {
		a := h.connect(ctx)
		if a.err != nil && ctx.Err() != nil {
			return
		}
		l.record(a)
		if a.err != nil {
			sleep(ctx, failurePause)
		}
	}
}

// claim waits for the turn of the next handshake. It reports false if there is none.
func (l *load) claim(ctx context.Context) bool {
	n := l.claimed.Add(1) - 1
	if l.o.count > 0 && n >= int64(l.o.count) {
		return false
	}
	if l.o.rate > 0 {
		turn := time.Duration(float64(n) / float64(l.o.rate) * float64(time.Second))
		if l.o.count == 0 && turn >= l.o.time {
			return false
		}
		sleep(ctx, turn-(clock.Now()-l.start))
	}
	return ctx.Err() == nil && (l.o.count > 0 || clock.Now()-l.start < l.o.time)
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
		l.dial.Add(a.dial)
	}
	if a.err != nil {
		l.failures.add(a.phase, a.err, l.o)
		return
	}
	l.done++
	l.last = clock.Now() - l.start
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
	l.handshake.Add(a.handshake)
	if _, known := l.with[a.with]; known || len(l.with) < maxNegotiated {
		l.with[a.with]++
	}
}

func (l *load) progress() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	of := measure.Count(l.o.count, "handshake")
	if l.o.count == 0 {
		of = fmt.Sprintf("%s of %s", measure.Duration(clock.Now()-l.start), measure.Duration(l.o.time))
	}
	return fmt.Sprintf("%s: %s done, %s failed", of, measure.Number(float64(l.done)), measure.Number(float64(l.failures.total)))
}
