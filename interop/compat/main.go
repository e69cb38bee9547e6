// Compat runs other people's libraries with wrapped keys. It finds out which libraries take such a
// key, which options they give it, and where a verifier goes in, and makes the tables of page 7 of
// the guide.
//
//	cd interop/compat
//	GOWORK=off go run .           # prints the page
//	GOWORK=off go run . -update   # writes it
//
// It is outside the workspace, because its libraries need some hundred modules, whose versions
// would become those of every module in the workspace. The test runs in CI, in a step of its own.
package main

import (
	"flag"
	"fmt"
	"os"
)

func main() {
	write := flag.Bool("update", false, "write the page instead of printing it")
	flag.Parse()
	_, text, err := made()
	if err == nil && *write {
		err = os.WriteFile(page, []byte(text), 0o644)
	} else if err == nil {
		_, err = os.Stdout.WriteString(text)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "compat:", err)
		os.Exit(1)
	}
}
