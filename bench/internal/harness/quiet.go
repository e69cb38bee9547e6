package harness

// A pinned process that computes all the time has its whole CPU, unless other programs have a
// part of it. Its share is the part that it had, from 0 to 1, and 0 if unknown. A slice with a
// smaller share than the subject allows is measured again: its figure is the other programs' as
// much as ours.

// tries bounds how often a slice is measured. A quick run measures it once.
const tries = 4

// slicesAtMost bounds how long a clock runs, in slices, if nothing is done: on a machine that is busy
// otherwise.
const slicesAtMost = 100

// Slices measures slices of a load that goes on, until something has been done since the clock began:
// mostly one. It returns the moment at the end of the last.
func Slices[M any](slice func() (M, error), done func(M) bool) (end M, err error) {
	for range slicesAtMost {
		if end, err = slice(); err != nil || done(end) {
			break
		}
	}
	return end, err
}

// Quietly measures a slice, again while other programs have a part of the cores, and returns
// the quietest. Slice returns the process's share of its CPU. A slice that stays disturbed is
// counted in all of the rows.
func Quietly[T any](r *Run, slice func() (T, float64, error), rows ...*Row) (best T, err error) {
	most := -1.0
	for try := 1; ; try++ {
		var found T
		var share float64
		var err error
		if busy, ok := r.siblings.watch(func() { found, share, err = slice() }); ok {
			r.Result.Machine.SiblingBusy = &busy
		}
		if err != nil {
			return found, err
		}
		if share > most {
			best, most = found, share
		}
		if share == 0 || share >= r.quietShare || r.Quick || try == tries {
			break
		}
		r.Result.Again++
	}
	if most == 0 {
		return best, nil
	}
	r.Result.Slices++
	if most < r.quietShare {
		r.Result.Busy++
		for _, row := range rows {
			row.Disturbed++
		}
	}
	return best, nil
}
