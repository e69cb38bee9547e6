package ops

import (
	"fmt"
	"io"
	"time"

	"asynccrypto/bench/internal/harness"
)

// role is that of the processes that measure.
const role = "ops"

// Roles are the processes that a subject starts: see [harness.Subject].
func Roles() map[string]func(io.Reader, io.Writer) error {
	return map[string]func(io.Reader, io.Writer) error{role: beWorker}
}

// The ways of doing an operation.
const (
	WayDirect     = "direct"     // the standard library, called in a loop by a goroutine for each core
	WayPlain      = "goroutine"  // a plain goroutine's call, through the engine
	WayGoroutines = "goroutines" // the same by many goroutines at once
	WayJobs       = "jobs"       // as jobs through the engine
	WayKernel     = "kernel"     // the kernels alone, eight at a time, without an engine around them
	WayWrap       = "wrap"       // wrapping the key, instead of the operation
	WayKeep       = "keep"       // no operation: how much memory wrapping a key takes
)

// Operations beside those of package measure.
const (
	SignRFC6979 = "sign, RFC 6979"  // ECDSA without random bytes
	VerifyAny   = "verify, any key" // by the functions that take a key as it is, which each use has not met before
)

// Task is one slice of the measurement.
type Task struct {
	Algorithm string        `json:"algorithm"` // openssl's name
	Operation string        `json:"operation"` // the name in package measure, or one of the above
	Way       string        `json:"way"`
	Keys      int           `json:"keys"` // how many take turns
	Jobs      int           `json:"jobs"` // jobs or goroutines at once; 0 where the way says how many
	Time      time.Duration `json:"time_ns"`
	Stops     bool          `json:"stops"` // stop the world again and again during the slice
}

// order is a message of the parent: the keys first, and then one task at a time.
type order struct {
	Keys KeySet `json:"keys,omitempty"`
	Task *Task  `json:"task,omitempty"`
}

// Outcome is the answer to a task.
type Outcome struct {
	Done     uint64        `json:"done"`
	Time     time.Duration `json:"time_ns"`
	Share    float64       `json:"share"`      // of the cores that the process could use; 0 if unknown
	Batch    float64       `json:"mean_batch"` // 0 without an engine
	Verified uint64        `json:"verified"`
	Stops    []Stop        `json:"stops,omitempty"`
	KeyBytes float64       `json:"key_bytes,omitempty"`
}

// PerSecond returns the operations per second.
func (o Outcome) PerSecond() float64 { return float64(o.Done) / o.Time.Seconds() }

// Microseconds returns the time of an operation.
func (o Outcome) Microseconds() float64 { return 1e6 / o.PerSecond() }

// startWorker starts a process that measures, with the keys.
func startWorker(program string, cpu, cores int, keys KeySet, env ...string) (*harness.Child, error) {
	c, err := harness.StartChild(program, role, cpu, cores, false, env...)
	if err != nil {
		return nil, err
	}
	if err := c.Do(order{Keys: keys}, nil); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// do has a process do a task.
func do(child *harness.Child, t Task) (o Outcome, err error) {
	if err := child.Do(order{Task: &t}, &o); err != nil {
		return o, fmt.Errorf("%s %s, %s: %w", t.Algorithm, t.Operation, t.Way, err)
	}
	return o, nil
}
