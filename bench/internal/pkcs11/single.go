package pkcs11

import (
	"context"
	"fmt"
	"time"

	"asynccrypto/bench/internal/harness"
	"asynccrypto/bench/internal/pkcs11/side"
)

// turnsInSlice is how many turns each side takes in a slice, after the first, in which it warms up.
const turnsInSlice = 20

// single adds the table of signatures one at a time.
func (s *session) single() {
	if !s.only.MatchString(sectionSingle) {
		return
	}
	table := s.Result.Table("one signature at a time", "P-256 on SoftHSM itself; the sides take turns of a twentieth of the slice. "+
		"The last column is the time that the way through a helper adds. On one CPU, that is the way itself. "+
		"On all CPUs it contains what the system takes to wake another CPU, which is idle, for the helper and "+
		"again for the answer")
	cpu, err := harness.ChoosePin()
	if err != nil {
		s.Result.Notes = append(s.Result.Notes, fmt.Sprintf("no signature on one CPU: %v", err))
	} else {
		s.singleRow(table.Row("time of a signature, on one CPU"), cpu, harness.Goal{AtMost: 15})
	}
	s.singleRow(table.Row("time of a signature, on all CPUs"), harness.NoPin, harness.Goal{})
}

// singleRow measures a row of the table. Its processes run on cpu, or anywhere.
func (s *session) singleRow(row *harness.Row, cpu int, goal harness.Goal) {
	sides := []way{helpers, inside, miekg, crypto11}
	values := map[way]*harness.Value{}
	for _, w := range sides {
		values[w] = row.Value(map[way]string{helpers: "ours, helper", inside: "ours, in process", miekg: "miekg/pkcs11", crypto11: "crypto11"}[w], harness.Microseconds)
	}
	adds := row.Value("helper adds", harness.Microseconds)
	adds.Goal = goal
	s.steps = append(s.steps, func(ctx context.Context, round int) error {
		s.Show(round, row.Name)
		found, err := harness.Quietly(s.Run, func() (map[way]float64, float64, error) { return s.turns(ctx, sides, cpu) }, row)
		if err != nil {
			return fmt.Errorf("%s: %w", row.Name, err)
		}
		for w, us := range found {
			values[w].Note(us)
		}
		if direct, ok := found[inside]; ok {
			adds.Note(found[helpers] - direct)
		}
		return nil
	})
}

// turns has the sides sign in turns, on cpu or anywhere, and returns the time of a signature in
// microseconds.
func (s *session) turns(ctx context.Context, sides []way, cpu int) (map[way]float64, float64, error) {
	children := map[way]*harness.Child{}
	for _, w := range sides {
		if s.missing(w) {
			continue
		}
		child, err := s.open(w, token(s.direct, 2), cpu)
		if err != nil {
			return nil, 0, fmt.Errorf("%s: %w", w, err)
		}
		defer child.Close()
		children[w] = child
	}
	var all side.Account
	each := map[way]*side.Account{}
	for i := range turnsInSlice + 1 {
		for j := range sides {
			w := sides[(i+j)%len(sides)]
			child := children[w]
			if child == nil {
				continue
			}
			if err := ctx.Err(); err != nil {
				return nil, 0, err
			}
			var a side.Answer
			if err := child.Do(side.Order{Do: "turn", Time: s.Slice / turnsInSlice}, &a); err != nil {
				return nil, 0, fmt.Errorf("%s: %w", w, err)
			}
			if i == 0 { // it has warmed up
				each[w] = new(side.Account)
				continue
			}
			each[w].Add(a.Account)
			all.Add(a.Account)
		}
	}
	found := map[way]float64{}
	for w, a := range each {
		found[w] = float64(a.Time) / float64(time.Microsecond) / float64(a.Done)
	}
	return found, all.Share(), nil
}
