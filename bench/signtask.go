package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"strconv"
	"time"
)

// The signing benchmark measures in processes of its own, one of them pinned to one CPU, so that neither the keys'
// making nor the report is on the clock. They are this program again, told so by their only argument. The parent sends
// JSON to a child's standard input, first the keys and then one task at a time; each is answered by one outcome.

// childArg is the argument that makes this program a child.
const childArg = "measure-for-parent"

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
	Stops     bool          `json:"stops"` // stop the world again and again meanwhile
}

// outcome is what a child answers.
type outcome struct {
	Done     uint64        `json:"done"`
	Time     time.Duration `json:"time_ns"`
	Share    float64       `json:"share"`      // of the cores that were to be had; 0 if unknown
	Batch    float64       `json:"mean_batch"` // 0 without an engine
	Verified uint64        `json:"verified"`
	Stops    []stop        `json:"stops,omitempty"`
	KeyBytes float64       `json:"key_bytes,omitempty"`
	Err      string        `json:"error,omitempty"`
}

func (o outcome) perSecond() float64 { return float64(o.Done) / o.Time.Seconds() }

// child is a process that measures, seen from its parent.
type child struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	encode *json.Encoder
	decode *json.Decoder
}

// startChild starts one on the given CPU, or anywhere for noPin, that uses so many cores.
func startChild(program string, cpu, cores int, keys keySet) (*child, error) {
	cmd := exec.Command(program, childArg)
	cmd.Env = append(cmd.Environ(), "GOMAXPROCS="+strconv.Itoa(cores))
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := startOn(cpu, cmd); err != nil {
		return nil, fmt.Errorf("starting the process to measure in: %w", err)
	}
	c := &child{cmd: cmd, in: in, encode: json.NewEncoder(in), decode: json.NewDecoder(out)}
	if err := c.encode.Encode(keys); err != nil {
		c.close()
		return nil, fmt.Errorf("the process to measure in: %w", err)
	}
	return c, nil
}

// run has a task done. An interrupted parent and its child get the signal both, as they share the terminal.
func (c *child) run(t task) (outcome, error) {
	var o outcome
	if err := c.encode.Encode(t); err != nil {
		return o, fmt.Errorf("the process to measure in: %w", err)
	}
	if err := c.decode.Decode(&o); err != nil {
		return o, fmt.Errorf("the process to measure in ended at %+v: %w", t, err)
	}
	if o.Err != "" {
		return o, fmt.Errorf("%s %s, %s: %s", t.Algorithm, t.Operation, t.Way, o.Err)
	}
	return o, nil
}

func (c *child) close() {
	c.in.Close() // it ends when there is nothing more to read
	c.cmd.Wait()
}

// beChild is the child's main.
func beChild(in io.Reader, out io.Writer) error {
	decode, encode := json.NewDecoder(bufio.NewReader(in)), json.NewEncoder(out)
	var keys keySet
	if err := decode.Decode(&keys); err != nil {
		return err
	}
	b, err := newBench(keys)
	if err != nil {
		return err
	}
	for {
		var t task
		if err := decode.Decode(&t); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		runtime.GC() // what the verification before has left is not on this task's clock
		o, err := b.do(t)
		if err != nil {
			o.Err = err.Error()
		}
		if err := encode.Encode(o); err != nil {
			return err
		}
	}
}
