package engines

import (
	"fmt"

	"asynccrypto/cmd/asynccrypto/internal/cli"
	"asynccrypto/internal/measure"
)

// Command lists the engines.
var Command = &cli.Command{
	Name:  "engines",
	Short: "List the engines with what each can do on this machine, or why it can't, and the processor's features",
	Setup: func(*cli.Flags) cli.Run { return list },
}

func list(args []string, std cli.Stdio) error {
	if err := cli.NoArguments(args); err != nil {
		return err
	}
	preferred, _ := Choose("")
	const line = "%-11s %-5s %s\n"
	fmt.Fprintf(std.Out, line, "engine", "here", "what it does on this machine")
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
			texts = append(texts, "speed, sign and serve use it unless told otherwise")
		}
		name := k.Name
		for _, text := range texts {
			fmt.Fprintf(std.Out, line, name, usable, text)
			name, usable = "", ""
		}
	}
	fmt.Fprintf(std.Out, "\nwhat this machine has:\n%s\n", measure.ThisMachine())
	for _, fact := range measure.CPUFacts() {
		fmt.Fprintln(std.Out, fact)
	}
	return nil
}
