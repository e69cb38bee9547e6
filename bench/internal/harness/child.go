package harness

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
)

// A child is a process that measures, so that the making of keys and the report run elsewhere.
// It is this program again. The parent sends it JSON, one order at a time, and each order gets
// one answer. The child ends when its input does.

// childArg makes this program a child; the role follows.
const childArg = "measure-for-parent"

// answer is a child's answer to an order.
type answer[A any] struct {
	Answer A      `json:"answer"`
	Err    string `json:"error,omitempty"`
}

// Orders is the main of a child: it carries out one order after the other.
func Orders[O, A any](in io.Reader, out io.Writer, do func(O) (A, error)) error {
	decode, encode := json.NewDecoder(bufio.NewReader(in)), json.NewEncoder(out)
	for {
		var o O
		if err := decode.Decode(&o); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		a, err := do(o)
		said := answer[A]{Answer: a}
		if err != nil {
			said.Err = err.Error()
		}
		if err := encode.Encode(said); err != nil {
			return err
		}
	}
}

// Child is a child seen from its parent.
type Child struct {
	Priority string // how it runs beside the other processes; empty if that is as usual
	role     string
	cmd      *exec.Cmd
	in       io.WriteCloser
	encode   *json.Encoder
	decode   *json.Decoder
}

// StartChild starts a copy of this program in a role, on one CPU or anywhere for [NoPin], with
// so many processors for Go code. First is for a process that is to run before all others on
// its CPU. The variables env, as NAME=value, are added to its environment. Call Close when done.
func StartChild(program, role string, cpu, procs int, first bool, env ...string) (*Child, error) {
	cmd := exec.Command(program, childArg, role)
	cmd.Env = append(append(cmd.Environ(), "GOMAXPROCS="+strconv.Itoa(procs)), env...)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	start := func() error { return StartOn(cpu, cmd) }
	priority := ""
	if first {
		priority, err = prior(start)
	} else {
		err = start()
	}
	if err != nil {
		return nil, fmt.Errorf("starting the process to measure in: %w", err)
	}
	return &Child{priority, role, cmd, in, json.NewEncoder(in), json.NewDecoder(out)}, nil
}

// Do has an order carried out, and decodes the answer into a pointer unless that is nil. An
// interrupted parent and its child both get the signal, as they share the terminal.
func (c *Child) Do(order, into any) error {
	if err := c.encode.Encode(order); err != nil {
		return fmt.Errorf("the process %s: %w", c.role, err)
	}
	var said answer[json.RawMessage]
	if err := c.decode.Decode(&said); err != nil {
		return fmt.Errorf("the process %s ended: %w", c.role, err)
	}
	if said.Err != "" {
		return errors.New(said.Err)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(said.Answer, into)
}

// Process returns the process, for signals. Do not wait for it.
func (c *Child) Process() *os.Process { return c.cmd.Process }

// Close ends the process, and waits for its end.
func (c *Child) Close() {
	c.in.Close()
	c.cmd.Wait()
}
