package side

import (
	"os"
	"time"

	"asynccrypto/bench/internal/proc"
)

// Account has the work done between two moments, and its cost. Helpers are the processes that this
// one has started.
type Account struct {
	Done      uint64        `json:"done"`
	Time      time.Duration `json:"time"`
	CPU       time.Duration `json:"cpu"`        // of this process
	HelperCPU time.Duration `json:"helper_cpu"` // of all helpers
	// Busy is how long all CPUs have computed, for whomever, and All how long they were there.
	Busy time.Duration `json:"busy"`
	All  time.Duration `json:"all"`

	// The rest is of the end of a load.
	P50       time.Duration `json:"p50,omitempty"` // of an operation
	P99       time.Duration `json:"p99,omitempty"`
	Threads   int64         `json:"threads,omitempty"` // the most there were
	Helpers   int           `json:"helpers,omitempty"`
	PSS       int64         `json:"pss,omitempty"`        // bytes, of this process
	HelperPSS int64         `json:"helper_pss,omitempty"` // of all helpers
}

// Add adds another slice.
func (a *Account) Add(b Account) {
	a.Done += b.Done
	a.Time += b.Time
	a.CPU += b.CPU
	a.HelperCPU += b.HelperCPU
	a.Busy += b.Busy
	a.All += b.All
}

// Share returns the part of all CPUs' time that other programs left to the process and its helpers,
// from a little above 0 to 1.
func (a Account) Share() float64 {
	if a.All <= 0 {
		return 0
	}
	others := a.Busy - a.CPU - a.HelperCPU
	return min(1, max(0.01, 1-float64(others)/float64(a.All)))
}

// moment is the state of all counters at one time.
type moment struct {
	at                           time.Time
	cpu, helperCPU, busy, allCPU int64
}

func now() (m moment, err error) {
	helpers, err := proc.Children(os.Getpid())
	if err != nil {
		return m, err
	}
	for _, pid := range helpers {
		m.helperCPU += proc.Computed(pid)
	}
	if m.busy, m.allCPU, err = proc.Busy(); err != nil {
		return m, err
	}
	m.cpu, m.at = proc.OwnCPU(), time.Now()
	return m, nil
}

// until returns the account from m to another moment.
func (m moment) until(end moment) Account {
	return Account{
		Time: end.at.Sub(m.at), CPU: time.Duration(end.cpu - m.cpu), HelperCPU: time.Duration(end.helperCPU - m.helperCPU),
		Busy: time.Duration(end.busy - m.busy), All: time.Duration(end.allCPU - m.allCPU),
	}
}

// weigh notes the threads and the memory of this moment.
func (a *Account) weigh() (err error) {
	// Go's runtime keeps the threads that it has made, so there were never more.
	if a.Threads, err = proc.Threads(); err != nil {
		return err
	}
	self := os.Getpid()
	if a.PSS, err = proc.ProportionalSet(self); err != nil {
		return err
	}
	helpers, err := proc.Children(self)
	if err != nil {
		return err
	}
	for _, pid := range helpers {
		pss, err := proc.ProportionalSet(pid)
		if err != nil {
			return err
		}
		a.HelperPSS += pss
	}
	a.Helpers = len(helpers)
	return nil
}
