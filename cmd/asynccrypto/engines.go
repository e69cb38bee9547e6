package main

import (
	"errors"
	"fmt"
	"runtime"
	"strings"

	"asynccrypto/engine"
	"asynccrypto/engine/multibuffer"
	"asynccrypto/engine/workers"
)

// engineKind is an engine that this command knows. A further one is a further element of engineKinds, and nothing else:
// speed, sign, serve and engines all go by this table.
type engineKind struct {
	name string
	open func(engineOptions) (*engine.Engine, error)
	// supported reports whether the engine can do on this machine what it is for, and if not, why not.
	supported func() (ok bool, why string)
	// does says what it does where it runs, one sentence to a line.
	does func() []string
	// gain says what to expect of it beside direct calls, for the first screen of speed.
	gain func() string
}

// engineOptions are what the engines have in common; the zero value stands for their defaults.
type engineOptions struct{ workers, nice int }

// engineKinds lists the engines, the best first: the default is the first that this machine supports.
var engineKinds = []engineKind{
	{
		name: "multibuffer",
		open: func(o engineOptions) (*engine.Engine, error) {
			return multibuffer.New(multibuffer.Options{Workers: o.workers, Nice: o.nice})
		},
		supported: multibuffer.Supported,
		does: func() []string {
			return []string{
				"signatures with RSA-2048, RSA-3072 and RSA-4096, up to eight at a time on each core, for any",
				"number of keys: several times as many as the library called directly",
				"any other operation as workers does it: no gain in speed there",
			}
		},
		gain: func() string {
			return "signs eight at a time with RSA-2048, RSA-3072 and RSA-4096, on AVX-512 IFMA.\n" +
				"Everything else it leaves to the standard library of the direct calls: there is no gain in speed there.\n" +
				"What elliptic curves compute a job does itself, so one event loop, as here, keeps one core busy with it."
		},
	},
	{
		name: "workers",
		open: func(o engineOptions) (*engine.Engine, error) {
			return workers.New(workers.Options{Workers: o.workers, Nice: o.nice})
		},
		supported: func() (bool, string) { return true, "" },
		does: func() []string {
			return []string{
				fmt.Sprintf("any operation, each by the Go standard library, %s at a time", count(runtime.GOMAXPROCS(0), "operation")),
				"no gain in speed over calling the library directly, with AVX-512 IFMA or without: what it",
				"gives is a bounded queue, and a caller that goes on with other work meanwhile",
			}
		},
		gain: func() string {
			const same = "computes with the same standard library as the direct calls: there is no gain in speed.\n" +
				"It gives a bounded queue, and one goroutine that drives many jobs. "
			if ok, why := multibuffer.Supported(); !ok {
				return same + "Nor is there a gain to be had here from\n" +
					`the engine "multibuffer", which signs with RSA eight at a time: ` + why + "."
			}
			return same + `The engine "multibuffer" signs with RSA` + "\neight at a time here."
		},
	},
}

// chooseEngine returns the engine of that name, or the default for the empty name.
func chooseEngine(name string) (*engineKind, error) {
	var names []string
	for i := range engineKinds {
		k := &engineKinds[i]
		ok, why := k.supported()
		switch {
		case name == "" && ok:
			return k, nil
		case name == k.name && !ok:
			return nil, usagef("engine %q gains nothing on this machine: %s", name, why)
		case name == k.name:
			return k, nil
		}
		names = append(names, k.name)
	}
	if name == "" {
		return nil, errors.New("no engine can run on this machine")
	}
	return nil, usagef("unknown engine %q; there are %s", name, strings.Join(names, ", "))
}

func enginesCommand(args []string, std stdio) error {
	rest, err := parseFlags(newFlags("engines"), args)
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return usagef("unexpected argument %q", rest[0])
	}
	def, _ := chooseEngine("")
	const line = "%-11s %-5s %s\n"
	fmt.Fprintf(std.out, line, "engine", "here", "what it does on this machine")
	for i := range engineKinds {
		k := &engineKinds[i]
		here, what := "yes", k.does
		if ok, why := k.supported(); !ok {
			here, what = "no", func() []string { return []string{"no gain in speed here: " + why} }
		}
		name := k.name
		for _, text := range what() {
			fmt.Fprintf(std.out, line, name, here, text)
			name, here = "", ""
		}
		if k == def {
			fmt.Fprintf(std.out, line, "", "", "speed, sign and serve use it unless told otherwise")
		}
	}
	fmt.Fprintf(std.out, "\nwhat this machine has:\n")
	for _, f := range machineFacts() {
		fmt.Fprintf(std.out, "%s\n", f)
	}
	return nil
}
