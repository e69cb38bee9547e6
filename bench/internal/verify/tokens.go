package verify

import (
	"context"
	"fmt"
	"strings"

	"asynccrypto/bench/internal/harness"
	"asynccrypto/bench/internal/ops"
)

const (
	tokenPackage   = "asynccrypto/interop/golangjwt"
	tokenBenchmark = "BenchmarkParse"
)

// tokens are the parts of tokenBenchmark, with the goals in times as fast.
var tokens = []struct {
	name string
	goal float64
}{
	{"RS256-2048", 2.5},
	{"RS256-4096", 8},
	{"ES256", 4.5},
	{"EdDSA", 3.3},
}

// tokenRows measure golang-jwt as a whole, by the benchmark of package golangjwt. It is a program
// of its own, whose module requires golang-jwt.
type tokenRows struct {
	program string
	rows    []*tokenRow
	reports []*harness.Row
}

type tokenRow struct {
	benchmark    string
	theirs, ours *harness.Value
}

func planTokens(ctx context.Context, run *ops.Rows, dir string) (*tokenRows, error) {
	program, err := harness.BuildBenchmarks(ctx, dir, tokenPackage)
	if err != nil {
		return nil, err
	}
	t := &tokenRows{program: program}
	table := run.Run.Result.Table("tokens: golang-jwt's Parse as a whole", fmt.Sprintf("CPU time of a token on one core, %d goroutines, parsing "+
		"and claims included: golang-jwt alone, and with a wrapped key", ops.Goroutines))
	for _, token := range tokens {
		report := table.Row(token.name)
		r := &tokenRow{
			benchmark: tokenBenchmark + "/" + token.name,
			theirs:    report.Value("golang-jwt", harness.Microseconds),
			ours:      report.Value("wrapped key", harness.Microseconds),
		}
		report.TimesLess("times as fast", r.ours, r.theirs, run.Goal(harness.Goal{AtLeast: token.goal}))
		t.rows, t.reports = append(t.rows, r), append(t.reports, report)
	}
	return t, nil
}

// measure measures all tokens in one process, which makes keys first. In it, the two sides take
// turns.
func (t *tokenRows) measure(ctx context.Context, round int, s *ops.Session) error {
	s.Show(round, "tokens")
	var names, parts []string
	for _, r := range t.rows {
		names = append(names, r.benchmark)
		parts = append(parts, strings.TrimPrefix(r.benchmark, tokenBenchmark+"/"))
	}
	these := fmt.Sprintf("%s/(%s)", tokenBenchmark, strings.Join(parts, "|"))
	found, err := harness.Quietly(s.Run, func() (map[string]harness.Metrics, float64, error) {
		return harness.MeasureGoAll(ctx, s.CPU, t.program, these, s.Slice.String(), names...)
	}, t.reports...)
	if err != nil {
		return err
	}
	for _, r := range t.rows {
		theirs, err := found[r.benchmark].Positive("plain-ns/op")
		if err != nil {
			return err
		}
		ours, err := found[r.benchmark].Positive("wrapped-ns/op")
		if err != nil {
			return err
		}
		r.theirs.Note(theirs / 1e3)
		r.ours.Note(ours / 1e3)
	}
	return nil
}
