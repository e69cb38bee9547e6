package speed

import (
	"crypto/rand"
	"fmt"
	"io"
	"runtime"
	"slices"
	"time"

	"asynccrypto/cmd/asynccrypto/internal/cli"
	"asynccrypto/cmd/asynccrypto/internal/keyring"
	"asynccrypto/cmd/asynccrypto/internal/pemfile"
	"asynccrypto/engine"
	"asynccrypto/internal/measure"
)

// runPlaced measures the signatures of a key on a token or on key servers. There are no direct calls
// to compare them with: the engine of its place is the only way to the key.
func runPlaced(o *options, algorithms []string, std cli.Stdio) error {
	switch {
	case o.engine != "":
		return cli.Usagef("-engine is for keys in files; a token, and a set of key servers, has an engine of its own")
	case o.plot != "":
		return cli.Usagef("-plot compares with direct calls; there are none to a key on a token or on key servers")
	}
	ring := keyring.New(o.ring)
	defer ring.Close()
	p := measure.NewProgress(std.Err)
	defer p.Clear()
	p.Show("opening the key")
	key, err := ring.Open(keyring.Named{Option: "key", Value: o.key})
	if err != nil {
		return err
	}
	signer := key.Private.(engine.Signer)
	op := measure.Sign(signer, rand.Reader)
	if err := checkAlgorithms(key.Name, op.Algorithm, algorithms); err != nil {
		return err
	}
	all, err := measurePlaced(op, key, o, p)
	if err != nil {
		return err
	}
	p.Clear()
	if o.json {
		fmt.Fprintf(std.Err, "asynccrypto speed: %s\n", verified(all)) // stdout is the array's alone
		var objects []jsonSeries
		for _, s := range all {
			objects = append(objects, s.json(key.Engine().Name(), runtime.GOMAXPROCS(0), false))
		}
		return writeJSON(std.Out, objects)
	}
	placedTable(std.Out, key, all, o.ring.Sessions)
	return nil
}

// measurePlaced measures a signature with each number of jobs in flight.
func measurePlaced(op *measure.Operation, key *keyring.Key, o *options, p *measure.Progress) (all []*series, err error) {
	each := o.time
	if each == 0 {
		each = min(budget/time.Duration(len(o.jobs)), maxPlacedSeries)
	}
	var ids int
	// A token's sessions are connected when they are needed, before the clock runs.
	p.Show("connecting")
	warm, err := jobSeries(op, key.Engine(), min(o.ring.Sessions, slices.Max(o.jobs)), runtime.GOMAXPROCS(0), &ids)
	if err == nil {
		err = warm.round(0)
		warm.close()
	}
	if err != nil {
		return nil, fmt.Errorf("%s sign: %w", op.Algorithm, err)
	}
	for i, n := range o.jobs {
		p.Show("%d/%d %s sign, %s", i+1, len(o.jobs), op.Algorithm, measure.Count(n, "job"))
		s, err := jobSeries(op, key.Engine(), n, runtime.GOMAXPROCS(0), &ids)
		if err != nil {
			return nil, fmt.Errorf("%s sign: %w", op.Algorithm, err)
		}
		err = s.round(each)
		s.close()
		if err == nil {
			err = s.verify(each)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s, err)
		}
		all = append(all, s)
	}
	return all, nil
}

// maxPlacedSeries is the time of a series if -time does not say it: a token may take a tenth of a
// second for a signature.
const maxPlacedSeries = 3 * time.Second

func placedTable(w io.Writer, key *keyring.Key, all []*series, sessions int) {
	by := "the key servers " + key.Place()
	if key.Token != nil {
		info := key.Token.Info()
		by = fmt.Sprintf("the token %q (%s, %s), up to %s at a time", info.Label, info.Manufacturer, info.Model, measure.Number(float64(sessions)))
	}
	fmt.Fprintf(w, "%s\n\n%s signatures by %s\n%s\n\n",
		measure.ThisMachine(), pemfile.KeyName(key.Private.(engine.Signer).Public()), by, verified(all))
	const line = "%-10s %-7s | %5s %9s %7s %7s\n"
	fmt.Fprintf(w, line, "algorithm", "", "jobs", "per sec", "p50", "p99")
	name, what := all[0].op.Algorithm, all[0].op.Name
	for _, s := range all {
		fmt.Fprintf(w, line, name, what, fmt.Sprint(s.jobs), measure.Number(s.perSecond()), measure.Duration(s.latency(0.5)), measure.Duration(s.latency(0.99)))
		name, what = "", ""
	}
}
