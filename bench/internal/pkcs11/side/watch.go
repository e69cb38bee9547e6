package side

import (
	"crypto"
	"crypto/ecdsa"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

const (
	watchers   = 8                    // callers
	watchPause = time.Millisecond     // between two operations of a caller
	watchCheck = 5 * time.Millisecond // from one look at the token to the next
)

// Watched says how operations went from the fault on.
type Watched struct {
	Signed uint64 `json:"signed"`
	Failed uint64 `json:"failed"`
	Err    string `json:"err,omitempty"` // of the first that failed
	// Worst is the longest that an operation took, with or without success, that began before the
	// cure; WorstAfter of those that began after it, while the token came into use.
	Worst      time.Duration `json:"worst"`
	WorstAfter time.Duration `json:"worst_after"`
	Back       time.Duration `json:"back"`    // from the cure until the token was in use again
	IsBack     bool          `json:"is_back"` // it was
}

// watch is callers that sign while the parent breaks the token.
type watch struct {
	key     *Key
	running sync.WaitGroup
	stopped atomic.Bool
	records []*record

	mu      sync.Mutex
	w       Watched
	cured   time.Time // zero before the cure
	success bool      // of an operation that began after the cure
}

// newWatch returns when the token has worked for as long as settle: all helpers run, and the chain
// passes over nothing.
func newWatch(key *Key, settle time.Duration) (*watch, error) {
	w := &watch{key: key}
	for i := range watchers {
		r := &record{caller: uint64(i)}
		w.records = append(w.records, r)
		w.running.Go(func() {
			for !w.stopped.Load() {
				w.sign(r)
				time.Sleep(watchPause)
			}
		})
	}
	limit := time.Now().Add(30 * time.Second)
	for since := time.Now(); time.Since(since) < settle; time.Sleep(watchCheck) {
		if !w.works() {
			since = time.Now()
		}
		if since.After(limit) {
			w.end()
			return nil, fmt.Errorf("watch: the token does not work: %+v", w.w)
		}
	}
	return w, nil
}

// end ends the callers.
func (w *watch) end() {
	w.stopped.Store(true)
	w.running.Wait()
}

func (w *watch) sign(r *record) {
	digest, begun := r.digest(), time.Now()
	signature, err := w.key.Signer.Sign(nil, digest[:], crypto.SHA256)
	took := time.Since(begun)
	if err == nil {
		r.add(signature)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	after := !w.cured.IsZero() && begun.After(w.cured)
	if after {
		w.w.WorstAfter = max(w.w.WorstAfter, took)
	} else {
		w.w.Worst = max(w.w.Worst, took)
	}
	if err == nil {
		w.w.Signed++
		w.success = w.success || after || w.cured.IsZero()
		return
	}
	if w.w.Failed == 0 {
		w.w.Err = err.Error()
	}
	w.w.Failed++
}

// fault begins to count.
func (w *watch) fault() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.w = Watched{}
}

func (w *watch) cure() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cured, w.success = time.Now(), false
}

// works reports whether the token is in use again.
func (w *watch) works() bool {
	if w.key.Works != nil {
		return w.key.Works()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.success
}

// stop waits until the token is in use again, but not for longer than limit after the cure, and
// verifies the signatures.
func (w *watch) stop(public *ecdsa.PublicKey, limit time.Duration) (Watched, error) {
	back, isBack := time.Duration(0), false
	for back < limit && !isBack {
		time.Sleep(watchCheck)
		isBack = w.works()
		back = time.Since(w.cured)
	}
	w.end()
	w.w.Back, w.w.IsBack = back, isBack
	return w.w, verify(public, w.records)
}
