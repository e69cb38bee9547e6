package docs_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path"
	"regexp"
	"strings"
	"testing"
)

var (
	codeSpan = regexp.MustCompile("`([^`]+)`")
	rowNo    = regexp.MustCompile(`^([A-Z])(\d+)$`)
	// testRef is a test and the directory of its package, as engine/workers.Example_fds.
	testRef = regexp.MustCompile(`^([a-z/]+)\.((?:Test|Example|Fuzz|Benchmark)\w*)$`)
	// placeRef is a file and the symbols in it that are meant, as async/waitctx.go: WaitCtx.FD,
	// WaitCtx.ClearFD.
	placeRef = regexp.MustCompile(`^([a-z_/]+\.go): (.+)$`)
)

// TestConformance holds docs/conformance.md against the code: rows are numbered and complete, and
// what they name exists.
func TestConformance(t *testing.T) {
	text := read(t, "conformance.md")
	d := declarations{t: t, cache: map[string]map[string]bool{}}
	for _, m := range codeSpan.FindAllStringSubmatch(text, -1) {
		d.check(m[1])
	}

	last := map[string]int{}
	for _, table := range tables(text) {
		for _, row := range table.rows {
			m := rowNo.FindStringSubmatch(row[0])
			if m == nil {
				t.Errorf("row %q has no number", row[0])
				continue
			}
			series := m[1]
			if last[series]++; fmt.Sprint(series, last[series]) != row[0] {
				t.Errorf("row %s comes where %s%d should", row[0], series, last[series])
			}
			if len(row) != len(table.head) {
				t.Errorf("row %s has %d cells, want %d", row[0], len(row), len(table.head))
				continue
			}
			for i, cell := range row {
				checkCell(t, row[0], table.head[i], cell)
			}
		}
	}
	for series, least := range map[string]int{"W": 60, "J": 60, "D": 10, "B": 18} {
		if last[series] < least {
			t.Errorf("%d rows %s, want at least %d", last[series], series, least)
		}
	}
}

// checkCell checks that a cell says something, and that what keeps and shows a sentence is named
// so that check sees it.
func checkCell(t *testing.T, row, column, cell string) {
	t.Helper()
	if cell == "" {
		t.Errorf("%s: nothing under %q", row, column)
	}
	var want *regexp.Regexp
	switch column {
	case "Here":
		if strings.ContainsAny(row[:1], "WJ") && !regexp.MustCompile(`^(Holds|More|Code|Ours|Moot)\b`).MatchString(cell) {
			t.Errorf("%s: %q does not begin with one of the five words", row, cell)
		}
		return
	case "C":
		if strings.ContainsAny(row[:1], "WJ") && !regexp.MustCompile("^(Holds|More|Code|Moot|Engines)\\b.*`cabi\\.Test").MatchString(cell) {
			t.Errorf("%s: %q does not begin with one of the words, or names no test", row, cell)
		}
		return
	case "Kept by":
		want = placeRef
	case "Shown by":
		want = testRef
	default:
		return
	}
	for _, m := range codeSpan.FindAllStringSubmatch(cell, -1) {
		if !want.MatchString(m[1]) {
			t.Errorf("%s: %q is not what belongs under %q", row, m[1], column)
		}
	}
	if rest := strings.Trim(codeSpan.ReplaceAllString(cell, ""), ", "); rest != "" || !strings.Contains(cell, "`") {
		t.Errorf("%s: %q under %q", row, cell, column)
	}
}

type table struct {
	head []string
	rows [][]string
}

// tables returns the tables of a markdown text.
func tables(text string) (all []table) {
	inside := false
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		isRow := strings.HasPrefix(line, "|")
		switch {
		case isRow && !inside:
			all = append(all, table{head: cells(line)})
		case isRow && strings.Trim(line, "|-") != "":
			last := &all[len(all)-1]
			last.rows = append(last.rows, cells(line))
		}
		inside = isRow
	}
	return all
}

func cells(line string) []string {
	list := strings.Split(strings.Trim(line, "|"), "|")
	for i, cell := range list {
		list[i] = strings.TrimSpace(cell)
	}
	return list
}

// declarations finds out what is declared where, in files for any system.
type declarations struct {
	t     *testing.T
	cache map[string]map[string]bool // by file
}

// check checks a code span if it is a reference.
func (d *declarations) check(ref string) {
	d.t.Helper()
	if m := testRef.FindStringSubmatch(ref); m != nil {
		if !d.inPackage(m[1], m[2]) {
			d.t.Errorf("there is no test %s in %s", m[2], m[1])
		}
	} else if m := placeRef.FindStringSubmatch(ref); m != nil {
		in := d.inFile(m[1])
		for symbol := range strings.SplitSeq(m[2], ", ") {
			if !in[symbol] {
				d.t.Errorf("there is no %s in %s", symbol, m[1])
			}
		}
	}
}

// inPackage reports whether the tests in a directory declare a function.
func (d *declarations) inPackage(dir, name string) bool {
	d.t.Helper()
	files, err := os.ReadDir(path.Join("..", dir))
	if err != nil {
		d.t.Fatal(err)
	}
	for _, f := range files {
		if strings.HasSuffix(f.Name(), "_test.go") && d.inFile(path.Join(dir, f.Name()))[name] {
			return true
		}
	}
	return false
}

// inFile returns what a file declares, methods as Type.Method.
func (d *declarations) inFile(name string) map[string]bool {
	d.t.Helper()
	if in := d.cache[name]; in != nil {
		return in
	}
	file, err := parser.ParseFile(token.NewFileSet(), path.Join("..", name), nil, parser.SkipObjectResolution)
	if err != nil {
		d.t.Fatal(err)
	}
	in := map[string]bool{}
	for _, decl := range file.Decls {
		switch decl := decl.(type) {
		case *ast.FuncDecl:
			in[receiver(decl)+decl.Name.Name] = true
		case *ast.GenDecl:
			for _, spec := range decl.Specs {
				switch spec := spec.(type) {
				case *ast.TypeSpec:
					in[spec.Name.Name] = true
				case *ast.ValueSpec:
					for _, id := range spec.Names {
						in[id.Name] = true
					}
				}
			}
		}
	}
	d.cache[name] = in
	return in
}

// receiver returns a method's type with a dot behind it.
func receiver(f *ast.FuncDecl) string {
	if f.Recv == nil {
		return ""
	}
	for t := f.Recv.List[0].Type; ; {
		switch x := t.(type) {
		case *ast.StarExpr:
			t = x.X
		case *ast.IndexExpr: // generic
			t = x.X
		case *ast.Ident:
			return x.Name + "."
		default:
			return ""
		}
	}
}

// TestAsyncNeedsNothingFirst: on Windows, where C programs include windows.h before async.h,
// package async depends on nothing but the standard library and what is internal to this module.
func TestAsyncNeedsNothingFirst(t *testing.T) {
	t.Setenv("GOOS", "windows")
	t.Setenv("GOARCH", "amd64")
	for _, pkg := range strings.Fields(output(t, "../async", "go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", ".")) {
		if !strings.HasSuffix(pkg, "/async") && !strings.Contains(pkg, "/internal/") {
			t.Error("async imports", pkg)
		}
	}
}
