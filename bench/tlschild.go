package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"

	"asynccrypto/internal/cputime"
)

// The servers and clients are processes of their own, this program again. Each gets one JSON object for each order on
// its standard input, and answers each with one. It ends when its input does.

// The arguments that make this program one.
const (
	tlsServerArg = "serve-for-parent"
	tlsClientArg = "connect-for-parent"
)

// tlsOrder is what the parent wants.
type tlsOrder struct {
	Do     string   `json:"do"` // see tlsServer.do and tlsClient.do
	Server *tlsSpec `json:"server,omitempty"`
	Load   *tlsLoad `json:"load,omitempty"`
}

// orders is the main of such a process.
func orders(in io.Reader, out io.Writer, do func(tlsOrder) (any, error)) error {
	decode, encode := json.NewDecoder(bufio.NewReader(in)), json.NewEncoder(out)
	for {
		var o tlsOrder
		if err := decode.Decode(&o); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		answer, err := do(o)
		said := struct {
			Answer any    `json:"answer"`
			Err    string `json:"error,omitempty"`
		}{Answer: answer}
		if err != nil {
			said.Err = err.Error()
		}
		if err := encode.Encode(said); err != nil {
			return err
		}
	}
}

// tlsChild is such a process, seen from its parent.
type tlsChild struct {
	what   string
	cmd    *exec.Cmd
	prior  string // how it runs before the others, if it does
	in     io.WriteCloser
	encode *json.Encoder
	decode *json.Decoder
}

// startTLS starts one. arg says which, procs is its GOMAXPROCS; first is for one that is to run before the others.
func startTLS(program, arg string, cpu, procs int, first bool) (*tlsChild, error) {
	cmd := exec.Command(program, arg)
	cmd.Env = append(cmd.Environ(), "GOMAXPROCS="+strconv.Itoa(procs))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	start := func() error { return startOn(cpu, cmd) }
	var how string
	if first {
		how, err = prior(start)
	} else {
		err = start()
	}
	if err != nil {
		return nil, fmt.Errorf("starting a process: %w", err)
	}
	return &tlsChild{arg, cmd, how, in, json.NewEncoder(in), json.NewDecoder(out)}, nil
}

// do has an order carried out, and decodes the answer into a pointer that isn't nil.
func (c *tlsChild) do(o tlsOrder, answer any) error {
	if err := c.encode.Encode(o); err != nil {
		return fmt.Errorf("%s: %w", c.what, err)
	}
	var said struct {
		Answer json.RawMessage `json:"answer"`
		Err    string          `json:"error"`
	}
	if err := c.decode.Decode(&said); err != nil {
		return fmt.Errorf("%s ended at %s: %w", c.what, o.Do, err)
	}
	if said.Err != "" {
		return errors.New(said.Err)
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(said.Answer, answer)
}

func (c *tlsChild) close() {
	c.in.Close()
	c.cmd.Wait()
}

// ownCPU is how long this process has computed.
func ownCPU() int64 {
	d, _ := cputime.Process()
	return int64(d)
}
