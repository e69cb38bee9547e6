package main

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"sync"
)

// page is the page of the guide, from this folder. The tables stand between comments.
const page = "../../docs/guide/07-libraries.md"

// tables runs everything and returns the tables by their names in the comments. It does so once:
// jwx stays changed after interop/jwx has been registered for the second table.
var tables = sync.OnceValues(func() (map[string]string, error) {
	versions, err := versions()
	if err != nil {
		return nil, err
	}
	library := func(module string) string { return strings.TrimSpace("`" + module + "` " + versions[module]) }

	var signing strings.Builder
	signing.WriteString("| library | use | " + strings.Join(kinds, " | ") + " | verified | the key is asked for |\n|---|---|---|---|---|---|---|\n")
	for _, group := range [][]check{certificates, authorities, accounts, transports, xcrypto, tokens, issuers, documents} {
		for _, c := range group {
			r, err := try(c)
			if err != nil {
				return nil, err
			}
			last := strings.Join(r.asked, "; ")
			if r.says != "" {
				last = strings.TrimPrefix(last+"; error: `"+r.says+"`", "; ")
			}
			fmt.Fprintf(&signing, "| %s | %s | %s | %s | %s |\n", library(c.module), c.use, strings.Join(r.cells[:], " | "), r.checked, last)
		}
	}

	var verifying strings.Builder
	verifying.WriteString("| library | by | " + strings.Join(kinds, " | ") + " | its error tells \"cancelled\" from \"invalid\" |\n|---|---|---|---|---|---|\n")
	for _, d := range doors {
		v, err := open(d)
		if err != nil {
			return nil, err
		}
		tells := "no"
		if v.tells {
			tells = "yes"
		}
		fmt.Fprintf(&verifying, "| %s | %s | %s | %s |\n", library(d.module), d.use, strings.Join(v.cells[:], " | "), tells)
	}
	return map[string]string{"signing": signing.String(), "verifying": verifying.String()}, nil
})

// versions returns the versions of the modules that this program is built from.
func versions() (map[string]string, error) {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return nil, errors.New("the program does not know the versions of its modules")
	}
	m := make(map[string]string)
	for _, dep := range info.Deps {
		m[dep.Path] = dep.Version
	}
	return m, nil
}

// update returns the text of the page with the tables in their places.
func update(text string, tables map[string]string) (string, error) {
	for name, table := range tables {
		begin, end := "<!-- "+name+": made by interop/compat -->\n", "<!-- end of "+name+" -->\n"
		before, rest, ok := strings.Cut(text, begin)
		if !ok {
			return "", fmt.Errorf("%s has no line %q", page, begin)
		}
		_, after, ok := strings.Cut(rest, end)
		if !ok {
			return "", fmt.Errorf("%s has no line %q", page, end)
		}
		text = before + begin + table + end + after
	}
	return text, nil
}

// made returns the page as it is and as it should be.
func made() (is, should string, err error) {
	text, err := os.ReadFile(page)
	if err != nil {
		return "", "", err
	}
	t, err := tables()
	if err != nil {
		return "", "", err
	}
	should, err = update(string(text), t)
	return string(text), should, err
}
