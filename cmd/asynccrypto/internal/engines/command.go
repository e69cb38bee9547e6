package engines

import (
	"fmt"
	"strings"

	"asynccrypto/cmd/asynccrypto/internal/cli"
	"asynccrypto/engine/multibuffer"
	"asynccrypto/internal/ifma/rsa"
	"asynccrypto/internal/measure"
)

// Command lists the engines.
var Command = &cli.Command{
	Name:  "engines",
	Short: "List the engines with what each can do on this machine, or why it can't, and the processor's features",
	Long: `
The column "here" says whether the engine is of use on this machine. Below "multibuffer" the list
says which operations it computes eight at a time, and why it leaves the others to the standard
library. "workers" runs everywhere.
`,
	Example: `
$ ASYNCCRYPTO_IFMA=off asynccrypto engines
engine      here  what it does on this machine
multibuffer no    no gain in speed here: switched off by ASYNCCRYPTO_IFMA=off
workers     yes   any operation, by the Go standard library, 2 at a time (one on each core)
                  no gain in speed over calling the library directly, with or without AVX-512 IFMA:
                  it gives a bounded queue, and a caller that goes on with other work meanwhile
                  speed, sign, verify and serve use it unless told otherwise

what this machine has:
AMD EPYC, 2 cores, linux/amd64, go1.26.8, 2026-11-29
GOMAXPROCS: 2 (no more cores than that are used)
BMI2 and ADX: yes (the standard library's RSA is faster with them)
AVX-512 IFMA: yes (with it eight public-key operations can be computed at a time; the standard library does not use it)
`,
	Setup: func(*cli.Flags) cli.Run { return list },
}

func list(args []string, std cli.Stdio) error {
	if err := cli.NoArguments(args); err != nil {
		return err
	}
	preferred, _ := Choose("")
	const line = "%-11s %-5s %s"
	fmt.Fprintln(std.Out, fmt.Sprintf(line, "engine", "here", "what it does on this machine"))
	for i := range kinds {
		k := &kinds[i]
		var usable string
		var texts []string
		if ok, why := k.Supported(); ok {
			usable, texts = "yes", k.does()
		} else {
			usable, texts = "no", []string{"no gain in speed here: " + why}
		}
		if k == preferred {
			texts = append(texts, "speed, sign, verify and serve use it unless told otherwise")
		}
		name := k.Name
		for _, text := range texts {
			fmt.Fprintln(std.Out, strings.TrimRight(fmt.Sprintf(line, name, usable, text), " "))
			name, usable = "", ""
		}
	}
	fmt.Fprintf(std.Out, "\nwhat this machine has:\n%s\n", measure.ThisMachine())
	for _, fact := range measure.CPUFacts() {
		fmt.Fprintln(std.Out, fact)
	}
	if ok, _ := multibuffer.Supported(); ok {
		set, reason := rsa.Kernels()
		fmt.Fprintf(std.Out, "kernels for RSA-2048: %s (%s)\n", set, reason)
	}
	return nil
}
