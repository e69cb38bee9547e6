package pkcs11

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"asynccrypto/bench/internal/harness"
	"asynccrypto/engine"
	"asynccrypto/engine/pkcs11"
	"asynccrypto/internal/hsmtest"
)

// module holds the answers of a module.
type module struct {
	name    string // with the version
	kinds   []hsmtest.Kind
	answers map[string]string // by the name of the operation, with the kind
}

// askModules tries every operation on every module that is installed. The reasons why others are
// left out go to log.
func askModules(ctx context.Context, log io.Writer) (modules []module, err error) {
	for _, m := range hsmtest.Modules {
		var found module
		var asked error
		skipped := hsmtest.Run(func(t hsmtest.T) { found, asked = ask(ctx, t, m.New(t)) })
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case errors.Is(skipped, hsmtest.ErrSkipped):
			fmt.Fprintf(log, "%s is left out: %v\n", m.Name, skipped)
		case skipped != nil || asked != nil:
			return nil, fmt.Errorf("%s: %w", m.Name, errors.Join(skipped, asked))
		default:
			modules = append(modules, found)
		}
	}
	if len(modules) == 0 {
		return nil, errors.New("pkcs11: no module is installed; install one (Debian, Ubuntu: apt install softhsm2 p11-kit)")
	}
	return modules, nil
}

// ask asks a module for every operation of every kind of key that it takes, through a helper.
func ask(ctx context.Context, t hsmtest.T, m *hsmtest.Module) (module, error) {
	found := module{name: strings.TrimSpace(m.Name + " " + debianVersion(ctx, m.Path)), kinds: m.Kinds, answers: map[string]string{}}
	m.Fill(t)
	token, err := pkcs11.Open(m.URI(""), pkcs11.Options{Sessions: 1, InitArgs: m.InitArgs})
	if err != nil {
		return found, err
	}
	defer token.Close()
	for _, kind := range m.Kinds {
		key, err := token.Signer(m.URI(string(kind)))
		if err != nil {
			return found, err
		}
		for _, op := range hsmtest.Operations(kind) {
			if ctx.Err() != nil {
				return found, ctx.Err()
			}
			if found.answers[op.String()], err = answer(op.Try(key)); err != nil {
				return found, fmt.Errorf("%v: %w", op, err)
			}
		}
	}
	return found, nil
}

// answer returns the text of a cell: yes, the module's answer, or no if the error does not tell it,
// or if the engine refuses the operation by itself. The error is that of a token that does not
// work.
func answer(err error) (string, error) {
	var rv pkcs11.Error
	switch {
	case err == nil:
		return "yes", nil
	case errors.Is(err, hsmtest.ErrWrong):
		return "**wrong**", nil
	case errors.Is(err, engine.ErrUnavailable):
		return "", err
	case errors.As(err, &rv):
		name, _, _ := strings.Cut(rv.Error(), " ")
		return "`" + name + "`", nil
	}
	return "no", nil
}

// debianVersion returns the version of the package that has a file, without Debian's own part, or
// nothing on another system.
func debianVersion(ctx context.Context, file string) string {
	file, err := filepath.EvalSymlinks(file)
	if err != nil {
		return ""
	}
	owner, _, _ := strings.Cut(version(ctx, "dpkg-query", "-S", file), ": ")
	if owner == "" {
		return ""
	}
	v := version(ctx, "dpkg-query", "-W", "-f", "${Version}", owner)
	if i := strings.IndexAny(v, "-+~"); i >= 0 {
		v = v[:i]
	}
	if _, upstream, ok := strings.Cut(v, ":"); ok { // before it is the epoch
		v = upstream
	}
	return v
}

// families are the first column of the table. The name of each operation begins with one.
var families = []string{"PKCS #1 v1.5", "PSS", "decryption PKCS #1 v1.5", "decryption OAEP", "ECDSA", string(hsmtest.Ed25519)}

// variant is an operation of all kinds of keys that have it.
type variant struct {
	family, name string
	operations   []hsmtest.Operation
}

// variants returns all of them, in the order of hsmtest's list.
func variants() (all []*variant) {
	byName := map[string]*variant{}
	for _, kind := range hsmtest.Kinds {
		for _, op := range hsmtest.Operations(kind) {
			name := op.Name
			if kind == hsmtest.Ed25519 {
				name = op.String()
			}
			v := byName[name]
			if v == nil {
				i := slices.IndexFunc(families, func(f string) bool { return strings.HasPrefix(name, f) })
				v = &variant{family: families[i], name: strings.TrimLeft(strings.TrimPrefix(name, families[i]), ", ")}
				if v.name == "" {
					v.name = "a text"
				}
				byName[name] = v
				all = append(all, v)
			}
			v.operations = append(v.operations, op)
		}
	}
	return all
}

// cell returns what a module has answered to an operation of all its kinds of keys.
func (m module) cell(v *variant) string {
	var answers, kinds []string
	for _, op := range v.operations {
		a, asked := m.answers[op.String()]
		if !asked {
			continue
		}
		i := slices.Index(answers, a)
		if i < 0 {
			answers, kinds = append(answers, a), append(kinds, string(op.Kind))
		} else {
			kinds[i] += ", " + string(op.Kind)
		}
	}
	switch len(answers) {
	case 0:
		return "-"
	case 1:
		return answers[0]
	}
	for i := range answers {
		answers[i] = kinds[i] + ": " + answers[i]
	}
	return strings.Join(answers, "; ")
}

// modulesTable returns the table as Markdown. Operations of a family to which every module answers
// the same are on one line.
func modulesTable(ctx context.Context, log io.Writer) (string, error) {
	modules, err := askModules(ctx, log)
	if err != nil {
		return "", err
	}
	return tableOf(modules), nil
}

func tableOf(modules []module) string {
	var names, kinds []string
	for _, m := range modules {
		names = append(names, m.name)
		var k []string
		for _, kind := range m.kinds {
			k = append(k, string(kind))
		}
		kinds = append(kinds, strings.Join(k, ", "))
	}
	type line struct {
		family, cells string
		variants      []string
	}
	lines := []*line{{family: "keys", cells: strings.Join(kinds, " | ")}}
	for _, v := range variants() {
		var cells []string
		for _, m := range modules {
			cells = append(cells, m.cell(v))
		}
		l := &line{family: v.family, cells: strings.Join(cells, " | ")}
		if i := slices.IndexFunc(lines, func(o *line) bool { return o.family == l.family && o.cells == l.cells }); i >= 0 {
			l = lines[i]
		} else {
			lines = append(lines, l)
		}
		l.variants = append(l.variants, v.name)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "| operation | | %s |\n|---|---|%s\n", strings.Join(names, " | "), strings.Repeat("---|", len(names)))
	for _, l := range lines {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", l.family, strings.Join(l.variants, "; "), l.cells)
	}
	return b.String()
}

// The page of the guide that has the table, in the checkout, and the lines around it.
const (
	page       = "docs/guide/08-hsm.md"
	tableBegin = "<!-- modules: made by go run ./bench pkcs11 -table -update -->\n"
	tableEnd   = "<!-- end of modules -->\n"
)

// cutPage returns the page's text before the table, the table, and the text after it.
func cutPage(text string) (before, table, after string, err error) {
	before, rest, ok := strings.Cut(text, tableBegin)
	if !ok {
		return "", "", "", fmt.Errorf("%s has no line %q", page, tableBegin)
	}
	table, after, ok = strings.Cut(rest, tableEnd)
	if !ok {
		return "", "", "", fmt.Errorf("%s has no line %q", page, tableEnd)
	}
	return before + tableBegin, table, tableEnd + after, nil
}

// updatePage writes the table into the page.
func updatePage(ctx context.Context, table string) error {
	root, err := harness.Checkout(ctx)
	if err != nil {
		return err
	}
	file := filepath.Join(root, page)
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	before, _, after, err := cutPage(string(text))
	if err != nil {
		return err
	}
	return os.WriteFile(file, []byte(before+table+after), 0o644)
}
