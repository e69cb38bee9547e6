package engine

// CompleteTogether does for several requests what [Request.Complete] does for one, each with the
// error of the same place in errs. A Handler calls it with the requests of a batch that have ended at
// the same moment.
//
// It wakes blocked goroutines one right after the other, and not from the worker: its thread, which
// may have a low priority, would be interrupted by each of them. So goroutines of a batch go on at
// nearly the same moment, and programs that gather what they do next, such as the answers to a
// client, find it together.
func CompleteTogether(rs []*Request, errs []error) {
	waiters := make([]chan struct{}, 0, len(rs))
	defer func() { wakeAll(waiters) }() // also if a job's callback exits the goroutine
	i := -1
	each(rs, func(r *Request) {
		i++
		if waiter := r.complete(errs[i]); waiter != nil {
			waiters = append(waiters, waiter)
		}
	})
}

// wakeAll wakes goroutines that wait.
func wakeAll(waiters []chan struct{}) {
	switch len(waiters) {
	case 0:
	case 1:
		waiters[0] <- struct{}{}
	default:
		go func() {
			for _, waiter := range waiters {
				waiter <- struct{}{}
			}
		}()
	}
}
