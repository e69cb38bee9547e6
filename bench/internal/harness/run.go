package harness

import (
	"context"
	"fmt"
	"os"
	"time"

	"asynccrypto/internal/measure"
)

// Run is a run of a subject under way.
type Run struct {
	Rounds   int
	Slice    time.Duration // of one side of a pair
	Quick    bool
	Progress *measure.Progress
	Result   *Result // to be filled in

	quietShare float64
	siblings   siblings
}

// PinnedTo notes the CPU that [ChoosePin] has chosen, or why there is none.
func (r *Run) PinnedTo(cpu int, err error) {
	text := fmt.Sprintf("pinned to cpu %d", cpu)
	if err != nil {
		text = "not pinned: " + err.Error()
	}
	r.Pinned(cpu, text)
}

// Pinned notes the CPU whose core is watched for other programs on its other hyperthreads, or
// [NoPin], and a text that says where the processes run.
func (r *Run) Pinned(cpu int, text string) {
	r.Result.Machine.Pinned = text
	r.siblings = siblingsOf(cpu)
}

// PinServers picks a CPU for servers and another one for their clients, if there is one, and notes
// both by the names of the two groups. Where it can't pin it returns [NoPin].
func (r *Run) PinServers(servers, clients string) (serverCPU, clientCPU int) {
	serverCPU, clientCPU, err := choosePins()
	text := fmt.Sprintf("%s on cpu %d, %s on cpu %d", servers, serverCPU, clients, clientCPU)
	switch {
	case err != nil:
		text = "not pinned: " + err.Error()
	case serverCPU == clientCPU:
		text = fmt.Sprintf("all on cpu %d, the only one", serverCPU)
	}
	r.Pinned(serverCPU, text)
	return serverCPU, clientCPU
}

// Dir makes a folder for the run's files. Call remove when done.
func (r *Run) Dir() (dir string, remove func(), err error) {
	dir, err = os.MkdirTemp("", "bench")
	return dir, func() { os.RemoveAll(dir) }, err
}

// Each calls measure in each round, until ctx ends.
func (r *Run) Each(ctx context.Context, measure func(round int) error) error {
	for round := range r.Rounds {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := measure(round); err != nil {
			return err
		}
	}
	return nil
}

// Show shows what is measured in a round.
func (r *Run) Show(round int, what string) {
	r.Progress.Show("round %d of %d: %s", round+1, r.Rounds, what)
}

// Alternate does both steps, one after the other. The order changes from round to round, so
// that neither always finds the machine as the other has left it.
func Alternate(round int, first, second func() error) error {
	if round%2 == 1 {
		first, second = second, first
	}
	if err := first(); err != nil {
		return err
	}
	return second()
}

// Step measures some of a round.
type Step func(ctx context.Context, round int) error

// DoSteps does the steps of a round. Every second round goes backwards, as in [Alternate]. The error
// is that of ctx, if that has ended, or that of a step.
func DoSteps(ctx context.Context, round int, steps []Step) error {
	for i := range steps {
		if round%2 == 1 {
			i = len(steps) - 1 - i
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := steps[i](ctx, round); ctx.Err() != nil {
			return ctx.Err()
		} else if err != nil {
			return err
		}
	}
	return nil
}

// Milliseconds formats the length of a slice as the C and JavaScript programs read it.
func (r *Run) Milliseconds() string { return fmt.Sprint(float64(r.Slice) / float64(time.Millisecond)) }
