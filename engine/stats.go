package engine

import "slices"

// Stats are an engine's statistics since it was made. At any moment
//
//	Submitted = Completed + Failed + Dropped + InFlight + Queued + Waiting
type Stats struct {
	Submitted uint64 // operations that Do accepted
	Completed uint64 // operations that ended without an error
	Failed    uint64 // operations that ended with an error: the key's own, ErrVerification, a panic, a deadline
	Dropped   uint64 // operations that ended, or never began, after their caller had given up
	EAGAINs   uint64 // submitted operations that found the engine full
	InFlight  int    // operations in the handler's hands or running directly, awaited or not
	Queued    int    // operations waiting for a worker
	Waiting   int    // operations waiting for room in the queue, with StatusEAGAIN
	// Latency counts how long each completed or failed operation took, from the call of Do until
	// Do's result, including the time in line. If a deadline, of a context or of Shutdown, ended
	// the call, the time runs until the deadline, and is counted, as in Failed, when the operation
	// itself has ended. Dropped operations are not counted. So Latency.Count() = Completed +
	// Failed.
	Latency Histogram
	// BatchSizes[i] counts the batches of i+1 requests. Its length is [Config].MaxBatch. The
	// slice belongs to the caller.
	BatchSizes []uint64
	// Kinds[k] is about kind k of [Config].Kind. Its length is that of Config.Kinds. The slice
	// belongs to the caller. Config.Figures may add operations that nobody submitted, such as those
	// of multibuffer.VerifyBatch. No other field than Vectorized and Recomputed counts them.
	Kinds []KindStats

	// Config.Figures sets the next two; see package multibuffer.

	// Vectorized counts the operations that were computed by the method for several at a time,
	// even if an operation was alone in its batch.
	Vectorized uint64
	// Recomputed counts the results that failed their check and were computed again by the key
	// itself. Vectorized does not include them.
	Recomputed uint64
}

// KindStats are the statistics of one kind of operations: see [Config].Kind.
type KindStats struct {
	Name       string // from Config.Kinds
	Operations uint64 // operations that began, in the Handler or directly
	Batches    uint64 // how many batches they were
}

// MeanBatch returns the mean size of the batches so far, or 0 if there were none.
func (s Stats) MeanBatch() float64 {
	var batches, requests uint64
	for i, n := range s.BatchSizes {
		batches += n
		requests += n * uint64(i+1)
	}
	if batches == 0 {
		return 0
	}
	return float64(requests) / float64(batches)
}

// Stats returns the statistics of this moment.
func (e *Engine) Stats() Stats {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := e.counts
	s.InFlight, s.Queued, s.Waiting = e.inFlight(), e.queued.Len(), e.waiting.Len()
	s.BatchSizes = slices.Clone(s.BatchSizes)
	s.Kinds = slices.Clone(s.Kinds)
	if e.figures != nil {
		e.figures(&s)
	}
	return s
}
