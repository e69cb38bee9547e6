package difftest

import (
	"fmt"
	"strings"
)

// Count is a case that scripts can cover.
type Count int

const (
	Scripts Count = iota
	Steps
	EqualKeys           // set with a key that has a record
	Uncovered           // clear uncovered an older record with the key
	ClearInStretch      // clear of a record that was added since the last reset
	ClearLater          // clear of a record that was added before
	ClearMisses         // clear found no record
	ClearThenSet        // the fd is in both lists
	Lists               // of all fds, or of those that changed
	Cleanups            // called
	CleanupClears       // a cleanup cleared a record of its context
	CleanupClearsItself // its own
	DeletedAtFree       // records whose cleanup must not be called
	CallbackCalls
	CallbackUnset
	NoCallback
	OddStatuses // not one of the four
	Starts
	Pauses
	Resumes
	Finishes
	ReuseAfterFinish // a job on a context on which one has finished
	ToldAgain        // with fds that were added in its last stretch
	TwoJobsOnCtx     // at once
	NoWaitCtx        // a job without
	NoJobs
	InitFails
	BlockedPauses
	NestedBlocks
	UnblocksTooMany
	PausesOutside
	BlocksOutside // or unblocks
	LargeArgs     // of a job
	NullArgs      // NULL, of any size
	EmptyArgs     // an address of 0 bytes
	InitTooLarge
	numCounts
)

var countNames = [numCounts]string{
	"scripts", "steps", "equal keys", "uncovered by clear", "clear in the stretch", "clear later", "clear of nothing",
	"clear then set", "lists", "cleanups", "a cleanup that clears", "a cleanup that clears itself",
	"deleted when freed", "callbacks called", "callbacks unset", "no callback", "odd statuses", "starts", "pauses",
	"resumes", "finishes", "reuse after finish", "told again", "two jobs on a context", "jobs without context",
	"no jobs", "init beyond max", "blocked pauses", "nested blocks", "unblocks too many", "pauses outside",
	"blocks outside", "large arguments", "null arguments", "empty arguments", "init too large",
}

// Counts is how often scripts covered each case.
type Counts [numCounts]int

func (c *Counts) add(d Counts) {
	for i, n := range d {
		c[i] += n
	}
}

// short returns an error that names the cases covered too rarely: less than a thousand times in a
// million steps for the peculiarities of OpenSSL's semantics, less than fifty times for all
// others. It leaves out the cases that the library does not define.
func (c *Counts) short(lib version) error {
	var few []string
	for i := EqualKeys; i < numCounts; i++ {
		if i == EmptyArgs && !lib.dropsEmptyArgs() || i == InitTooLarge && !lib.limitsPools() {
			continue
		}
		least := 50
		switch i {
		case EqualKeys, ClearInStretch, ClearThenSet, CleanupClears, ReuseAfterFinish, BlockedPauses:
			least = 1000
		}
		if c[i] < c[Steps]*least/1_000_000 {
			few = append(few, fmt.Sprintf("%s: %d", countNames[i], c[i]))
		}
	}
	if few == nil {
		return nil
	}
	return fmt.Errorf("in %d steps too few of: %s", c[Steps], strings.Join(few, ", "))
}

func (c Counts) String() string {
	var b strings.Builder
	for i, n := range c {
		fmt.Fprintf(&b, "%9d %s\n", n, countNames[i])
	}
	return b.String()
}
