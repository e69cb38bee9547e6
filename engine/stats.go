package engine

// Stats are an engine's figures since it was made. At any moment
//
//	Submitted = Completed + Failed + Dropped + InFlight + Queued + Waiting
type Stats struct {
	Submitted uint64 // operations accepted by Do
	Completed uint64 // ended without an error
	Failed    uint64 // ended with one, whether the key's, a panic's or a deadline's
	Dropped   uint64 // ended, or never begun, with nobody waiting any more
	EAGAINs   uint64 // of those submitted, the ones that met a full engine
	InFlight  int    // now in the handler's hands or on their callers' goroutines, whether or not somebody still waits
	Queued    int    // now waiting for a worker
	Waiting   int    // now waiting for room, with StatusEAGAIN
	// Latency holds how long each of those completed or failed took, from the call of Do until the answer was there, the
	// time in line included. A deadline, of a context or of Shutdown, is an answer, also while the operation goes on; as
	// in Failed, it is counted when that has ended. What was dropped has no answer. So Latency.Count() = Completed + Failed.
	Latency Histogram
	// BatchSizes[i] counts the batches of i+1 requests. Its length is Config.MaxBatch. The slice is the caller's.
	BatchSizes []uint64

	// What engines with a method of their own add; see package multibuffer.
	Vectorized uint64 // operations computed by the method for several at a time, also one that was alone in its batch
	Recomputed uint64 // operations whose result failed its check, and was computed anew in the ordinary way; not in Vectorized
}

// MeanBatch returns the mean size of the batches so far, 0 when there were none.
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

// Stats returns the figures of this moment.
func (e *Engine) Stats() Stats {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := e.counts
	s.InFlight, s.Queued, s.Waiting = e.inFlight(), e.queued.Len(), e.waiting.Len()
	s.BatchSizes = append([]uint64(nil), s.BatchSizes...)
	if e.figures != nil {
		e.figures(&s)
	}
	return s
}
