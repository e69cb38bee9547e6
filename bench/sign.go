package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// signPlan is how much is measured.
type signPlan struct {
	rounds   int
	time     time.Duration // of one side of a pair; openssl takes a second
	keys     int           // how many are many
	openssl  string
	node     string // a command to measure beside; empty unless asked for
	cryptoMB string // where a library to measure beside is; empty unless asked for
	json     bool
	plot     string
}

// sign measures signatures, and all else that the multi-buffer engine may do.
func sign(ctx context.Context, args []string, std stdio) error {
	p, err := parseSign(args)
	if err != nil {
		return err
	}
	f, err := p.measure(ctx, newProgress(std.err))
	if err != nil {
		return err
	}
	if p.plot != "" {
		if err := os.WriteFile(p.plot, f.svg(), 0o644); err != nil {
			return err
		}
	}
	if p.json {
		return f.writeJSON(std.out)
	}
	return f.writeText(std.out)
}

// parseSign reads the flags.
func parseSign(args []string) (signPlan, error) {
	p := signPlan{time: 150 * time.Millisecond}
	fs := flag.NewFlagSet("sign", flag.ContinueOnError)
	fs.IntVar(&p.rounds, "rounds", 7, "")
	fs.IntVar(&p.keys, "keys", 64, "")
	fs.StringVar(&p.openssl, "openssl", "openssl", "")
	fs.StringVar(&p.node, "node", "", "")
	fs.StringVar(&p.cryptoMB, "crypto-mb", "", "")
	fs.StringVar(&p.plot, "plot", "", "")
	fs.BoolVar(&p.json, "json", false, "")
	quick := fs.Bool("quick", false, "")
	if err := parseFlags(fs, args); err != nil {
		return p, err
	}
	if *quick {
		p.time = 30 * time.Millisecond
		given := false
		fs.Visit(func(f *flag.Flag) { given = given || f.Name == "rounds" })
		if !given {
			p.rounds = 2
		}
	}
	switch {
	case p.rounds < 1:
		return p, usageError(fmt.Sprintf("sign: -rounds %d: at least one round is needed", p.rounds))
	case p.keys < 2 || p.keys > 1000:
		return p, usageError(fmt.Sprintf("sign: -keys %d: at least 2 and at most 1000 can be", p.keys))
	}
	if p.plot != "" { // looked at now, not when the figures are there
		if info, err := os.Stat(filepath.Dir(p.plot)); err != nil || !info.IsDir() {
			return p, usageError(fmt.Sprintf("sign: -plot %s: there is no such directory", p.plot))
		}
	}
	return p, nil
}

// signRun is a measurement under way.
type signRun struct {
	signPlan
	ctx      context.Context
	progress progress
	cpu      int
	one, two *child        // of one core, and of two; two is nil where there is but one
	theirs   *opensslSpeed // nil when it is missing
	keySet   keySet
	dir      string // of this round's copies
	f        *signFindings
}

// measure makes the keys, starts the processes and measures all there is, round by round. What is compared is measured a
// moment apart, and who goes first changes from round to round.
func (p signPlan) measure(ctx context.Context, progress progress) (*signFindings, error) {
	defer progress.clear()
	r := &signRun{signPlan: p, ctx: ctx, progress: progress, f: newSignFindings(p)}
	var err error
	if r.theirs, err = findOpenSSL(ctx, p.openssl); err == nil {
		r.f.openssl(r.theirs)
	} else if m, ok := errors.AsType[*missing](err); ok {
		r.f.Missing = m.Error()
	} else {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	others, err := findOthers(ctx, p, dir)
	if err != nil {
		return nil, err
	}
	r.f.others(others)
	if r.keySet, err = makeKeys(ctx, rsaSizes, p.keys, progress); err != nil {
		return nil, err
	}
	r.cpu, err = choosePin()
	r.f.Machine.pinnedTo(r.cpu, err)
	for round := range p.rounds {
		if err := r.fresh(round); err != nil {
			return nil, err
		}
	}
	r.f.conclude()
	return r.f, nil
}

// fresh measures everything once in new processes, of a new copy of this program. Where in memory the pages of its code lie
// is luck, lasts as long as the file is cached, and was seen to make a third of the speed of the largest kernels: so every
// round draws anew, and the median says what is usual.
func (r *signRun) fresh(round int) error {
	r.progress.show("round %d of %d: starting", round+1, r.rounds)
	var err error
	if r.dir, err = os.MkdirTemp("", "bench"); err != nil {
		return err
	}
	defer os.RemoveAll(r.dir)
	program, err := copyOfThis(r.dir)
	if err != nil {
		return err
	}
	if err := r.copyOthers(); err != nil {
		return err
	}
	if r.one, err = startChild(program, r.cpu, 1, r.keySet); err != nil {
		return err
	}
	defer r.one.close()
	if r.f.Machine.Cores > 1 {
		if r.two, err = startChild(program, noPin, 2, r.keySet); err != nil {
			return err
		}
		defer r.two.close()
	}
	if round == 0 {
		if err := r.memory(); err != nil {
			return err
		}
	}
	return r.round(round)
}

func copyOfThis(dir string) (string, error) {
	this, err := os.Executable()
	if err != nil {
		return "", err
	}
	path := executable(dir, "measured")
	return path, copyProgram(path, this)
}

func copyProgram(to, from string) error {
	program, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, program, 0o700)
}

// round measures everything once.
func (r *signRun) round(round int) error {
	for i, row := range r.f.Rows {
		if row.Skipped != "" {
			continue
		}
		if err := r.ctx.Err(); err != nil {
			return err
		}
		r.progress.show("round %d of %d: %s", round+1, r.rounds, row.Name)
		// An openssl takes a second, so it is run but once for each size: amid its rows.
		if r.theirs != nil && row.opensslHere {
			o, err := r.quietly(func() (outcome, error) { return r.theirs.sign(r.ctx, r.cpu, row.Algorithm) })
			if err != nil {
				return err
			}
			for _, other := range r.f.Rows[i-row.before : i+row.after] {
				other.openssl = append(other.openssl, o.perSecond())
				other.Disturbed += r.disturbed(o)
			}
		}
		steps := []func() error{
			func() error {
				if !row.opensslHere {
					return nil
				}
				return r.measureOthers(row.Algorithm)
			},
			func() error { return r.pair(round, row) },
		}
		for i := range steps {
			if err := steps[(i+round)%2](); err != nil {
				return err
			}
		}
	}
	return nil
}

// pair measures both sides of a row.
func (r *signRun) pair(round int, row *signRow) error {
	sides := []struct {
		task  task
		cores int
		note  func(outcome)
	}{
		{row.baseTask(r.signPlan), row.baseCores, row.noteBase},
		{row.ourTask(r.signPlan), row.cores, row.noteOurs},
	}
	if round%2 == 1 {
		sides[0], sides[1] = sides[1], sides[0]
	}
	for _, side := range sides {
		c := r.one
		if side.cores == 2 {
			c = r.two
		}
		o, err := r.quietly(func() (outcome, error) { return c.run(side.task) })
		if err != nil {
			if r.ctx.Err() != nil {
				return r.ctx.Err()
			}
			return err
		}
		row.Disturbed += r.disturbed(o)
		side.note(o)
		r.f.Verified += o.Verified
	}
	return nil
}

// A slice in which other programs had a part of the cores is measured again: what is left of it is the other programs'
// figure, not ours.
const (
	quietShare = 0.96
	tries      = 4
)

func (r *signRun) quietly(slice func() (outcome, error)) (outcome, error) {
	var best outcome
	for try := range tries {
		o, err := slice()
		if err != nil {
			return o, err
		}
		if try == 0 || o.Share > best.Share {
			best = o
		}
		if o.Share == 0 || o.Share >= quietShare {
			break
		}
		r.f.Again++
	}
	r.f.Slices++
	r.f.Disturbed += r.disturbed(best)
	return best, nil
}

// disturbed returns 1 for a slice that lacked a part of its cores.
func (r *signRun) disturbed(o outcome) int {
	if o.Share > 0 && o.Share < quietShare {
		return 1
	}
	return 0
}

// memory finds out what a wrapped key takes.
func (r *signRun) memory() error {
	for _, bits := range rsaSizes {
		name := fmt.Sprintf("rsa%d", bits)
		o, err := r.one.run(task{Algorithm: name, Operation: "sign", Way: wayWrap, Keys: r.keys})
		if err != nil {
			return err
		}
		r.f.KeyBytes[name] = o.KeyBytes
	}
	return nil
}
