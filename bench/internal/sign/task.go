package sign

import (
	"time"

	"asynccrypto/bench/internal/harness"
)

// roleSign is the role of the processes that measure.
const roleSign = "sign"

// ways of doing an operation.
const (
	wayDirect = "direct"    // the standard library, called in a loop by a goroutine for each core
	wayPlain  = "goroutine" // a plain goroutine's call, through the engine
	wayJobs   = "jobs"      // as jobs through the engine
	wayKernel = "kernel"    // the kernels alone, eight at a time, without an engine around them
	wayWrap   = "wrap"      // no operation: how much memory wrapping a key takes
)

// task is one slice of the measurement.
type task struct {
	Algorithm string        `json:"algorithm"` // openssl's name
	Operation string        `json:"operation"` // sign, decrypt or derive
	Way       string        `json:"way"`
	Keys      int           `json:"keys"` // how many take turns
	Jobs      int           `json:"jobs"` // in flight; 0 unless the way is jobs
	Time      time.Duration `json:"time_ns"`
	Stops     bool          `json:"stops"` // stop the world again and again during the slice
}

// order is a message of the parent: the keys first, and then one task at a time.
type order struct {
	Keys keySet `json:"keys,omitempty"`
	Task *task  `json:"task,omitempty"`
}

// outcome is the answer to a task.
type outcome struct {
	Done     uint64        `json:"done"`
	Time     time.Duration `json:"time_ns"`
	Share    float64       `json:"share"`      // of the cores that the process could use; 0 if unknown
	Batch    float64       `json:"mean_batch"` // 0 without an engine
	Verified uint64        `json:"verified"`
	Stops    []stop        `json:"stops,omitempty"`
	KeyBytes float64       `json:"key_bytes,omitempty"`
}

func (o outcome) perSecond() float64 { return float64(o.Done) / o.Time.Seconds() }

// startChild starts a process that measures, with the keys.
func startChild(program string, cpu, cores int, keys keySet) (*harness.Child, error) {
	c, err := harness.StartChild(program, roleSign, cpu, cores, false)
	if err != nil {
		return nil, err
	}
	if err := c.Do(order{Keys: keys}, nil); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}
