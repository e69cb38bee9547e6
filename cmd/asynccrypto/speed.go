package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"asynccrypto/engine"
)

// speedOptions are the options of speed.
type speedOptions struct {
	jobs    jobCounts
	engine  string
	seconds seconds
	key     string
	json    bool
	plot    string
}

// speedBudget is how long measuring and verifying may take when the user names no number of seconds; with the keys
// before it all is done within 20 seconds. maxSeries is the most for one series then.
const (
	speedBudget = 15 * time.Second
	maxSeries   = time.Second
	minSeries   = 50 * time.Millisecond
)

func speedCommand(args []string, std stdio) error {
	o := speedOptions{jobs: jobCounts{1, 8, 64}}
	fs := newFlags("speed")
	fs.Var(&o.jobs, "async-jobs", "")
	fs.StringVar(&o.engine, "engine", "", "")
	fs.Var(&o.seconds, "seconds", "")
	fs.StringVar(&o.key, "key", "", "")
	fs.BoolVar(&o.json, "json", false, "")
	fs.StringVar(&o.plot, "plot", "", "")
	names, err := parseFlags(fs, args)
	if err != nil {
		return err
	}
	kind, err := chooseEngine(o.engine)
	if err != nil {
		return err
	}
	if err := checkPlot(o.plot); err != nil {
		return err
	}
	p := newProgress(std.err)
	defer p.clear()
	started := time.Now()
	ops, err := speedOperations(o.key, names, p)
	if err != nil {
		return err
	}
	e, err := kind.open(engineOptions{})
	if err != nil {
		return err
	}
	defer e.Close()
	all, err := measureAll(ops, e, o, started, p)
	if err != nil {
		return err
	}
	p.clear()
	r := report{kind: kind, groups: all}
	if o.plot != "" {
		if err := writeFile(o.plot, r.plot()); err != nil {
			return fmt.Errorf("plot %s: %w", o.plot, cause(err))
		}
	}
	if o.json {
		fmt.Fprintf(std.err, "asynccrypto speed: %s\n", r.verified()) // stdout is the array's alone
		if w := r.disturbed(); w != "" {
			fmt.Fprintf(std.err, "asynccrypto speed: %s\n", w)
		}
		return r.writeJSON(std.out)
	}
	return r.writeText(std.out)
}

// speedOperations returns what is to be measured: the operations of the user's key, or of fresh ones.
func speedOperations(keyFile string, names []string, p *progress) ([]*operation, error) {
	if keyFile == "" {
		chosen, err := chooseAlgorithms(names)
		if err != nil {
			return nil, err
		}
		p.show("generating keys for %s", count(len(chosen), "algorithm"))
		return generateKeys(chosen)
	}
	key, err := readKey(keyFile)
	if err != nil {
		return nil, err
	}
	ops, err := operationsOf(key)
	if err != nil {
		return nil, usagef("key %s: %w", keyFile, err)
	}
	if name := ops[0].algorithm; len(names) > 1 || len(names) == 1 && names[0] != name {
		return nil, usagef("key %s is for %s, not %s; leave out the names of algorithms", keyFile, name, strings.Join(names, " "))
	}
	return ops, nil
}

// checkPlot looks before the measurement whether the plot can be written afterwards.
func checkPlot(path string) error {
	if path == "" {
		return nil
	}
	dir := filepath.Dir(path)
	if info, err := os.Stat(dir); err != nil {
		return usagef("plot %s: %w", path, cause(err))
	} else if !info.IsDir() {
		return usagef("plot %s: %s is not a directory", path, dir)
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return usagef("plot %s: is a directory", path)
	}
	return nil
}

// measureAll returns for each operation its series: the direct calls, then each number of jobs.
func measureAll(ops []*operation, e *engine.Engine, o speedOptions, started time.Time, p *progress) ([][]*series, error) {
	each := time.Duration(o.seconds)
	if each == 0 {
		n := time.Duration(len(ops) * (1 + len(o.jobs)))
		// Half as much again goes into verifying, and into finishing what was begun when the time was up.
		each = min(max((speedBudget-time.Since(started))/n*2/3, minSeries), maxSeries)
	}
	var all [][]*series
	ids := 0
	for i, op := range ops {
		p.show("%d/%d %s %s", i+1, len(ops), op.algorithm, op.name)
		group := []*series{directSeries(op, &ids)}
		for _, jobs := range o.jobs {
			s, err := jobSeries(op, e, jobs, &ids)
			if err != nil {
				return nil, fmt.Errorf("%s %s: %w", op.algorithm, op.name, err)
			}
			defer s.close()
			group = append(group, s)
		}
		if err := measureRounds(group, each); err != nil {
			return nil, err
		}
		all = append(all, group)
	}
	return all, nil
}
