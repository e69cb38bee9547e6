package measure

import (
	"time"

	"asynccrypto/internal/cputime"
)

// Share is the part, from 0 to 1, that a process had of the processor time it could have used.
// Other programs had the rest. It is 0 where the system does not tell.
type Share float64

// quietShare is the least share of a measurement that counts. Below it the figure says as much
// about the other programs as about the subject of the measurement.
const quietShare = 0.96

// Disturbed reports whether other programs had so much of the cores that the measurement says
// little. It is false for an unknown share.
func (s Share) Disturbed() bool { return s > 0 && s < quietShare }

// Usage is the processor time of a measurement that kept its cores busy: the time that the
// process used, and the time that it could have used. The zero value is the usage of no
// measurement.
type Usage struct{ Used, Possible time.Duration }

// Add counts a further part of the measurement.
func (u *Usage) Add(other Usage) {
	u.Used += other.Used
	u.Possible += other.Possible
}

// Share returns the part that the process had, 0 if it is unknown.
func (u Usage) Share() Share {
	if u.Possible <= 0 {
		return 0
	}
	return Share(min(1, u.Used.Seconds()/u.Possible.Seconds()))
}

// Used calls f and returns how much processor time the process, all its goroutines together, used
// meanwhile. It is 0 where the system does not tell.
func Used(f func() error) (time.Duration, error) {
	before, known := cputime.Process()
	err := f()
	after, _ := cputime.Process()
	if !known {
		return 0, err
	}
	return after - before, err
}
