package docs_test

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/build"
	"go/doc"
	"go/parser"
	"go/printer"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestAPI keeps docs/api the public face of the project: a file for each package, a line for each
// exported symbol. Prose is not part of it, so a change of a comment is no change of the API.
// After a deliberate change:
//
//	go test ./docs -update
func TestAPI(t *testing.T) {
	files := map[string]string{}
	for _, p := range publicPackages(t) {
		name := strings.ReplaceAll(strings.TrimPrefix(p.path, module(t)+"/"), "/", "_") + ".txt"
		files[name] = strings.Join(symbols(t, p), "\n") + "\n"
	}
	entries, err := os.ReadDir("api")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if _, ok := files[e.Name()]; ok {
			continue
		}
		if *update {
			os.Remove(filepath.Join("api", e.Name()))
		} else {
			t.Errorf("docs/api/%s is of no public package; run go test ./docs -update", e.Name())
		}
	}
	for name, want := range files {
		path := filepath.Join("api", name)
		if *update {
			if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(path)
		if err != nil || string(got) != want {
			t.Errorf("docs/%s is not what the package exports (%v)%s\nif the change is meant: go test ./docs -update", path, err,
				difference(string(got), want))
		}
	}
}

// difference lists the lines that only one of two texts has.
func difference(old, new string) string {
	var b strings.Builder
	before, after := strings.Split(old, "\n"), strings.Split(new, "\n")
	for _, line := range before {
		if !slices.Contains(after, line) {
			b.WriteString("\n- " + line)
		}
	}
	for _, line := range after {
		if !slices.Contains(before, line) {
			b.WriteString("\n+ " + line)
		}
	}
	return b.String()
}

// symbols returns a sorted line for each exported symbol of a package, as the package is on
// linux/amd64.
func symbols(t *testing.T, p pkg) []string {
	t.Helper()
	system := build.Default
	system.GOOS, system.GOARCH, system.CgoEnabled = "linux", "amd64", false
	found, err := system.ImportDir(p.dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	fset := token.NewFileSet()
	var files []*ast.File
	for _, name := range found.GoFiles {
		f, err := parser.ParseFile(fset, filepath.Join(p.dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	d, err := doc.NewFromFiles(fset, files, p.path)
	if err != nil {
		t.Fatal(err)
	}
	s := &symbolList{fset: fset}
	s.values(d.Consts)
	s.values(d.Vars)
	s.funcs(d.Funcs)
	for _, typ := range d.Types {
		s.typ(typ)
		s.values(typ.Consts)
		s.values(typ.Vars)
		s.funcs(typ.Funcs)
		s.funcs(typ.Methods)
	}
	slices.Sort(s.lines)
	return s.lines
}

type symbolList struct {
	fset  *token.FileSet
	lines []string
}

func (s *symbolList) add(format string, args ...any) {
	s.lines = append(s.lines, fmt.Sprintf(format, args...))
}

var spaces = regexp.MustCompile(`\s+`)

// text formats a node on one line.
func (s *symbolList) text(node any) string {
	var b bytes.Buffer
	if err := printer.Fprint(&b, s.fset, node); err != nil {
		return err.Error()
	}
	return spaces.ReplaceAllString(b.String(), " ")
}

// values lists constants and variables. A constant's value is part of its contract, a variable's
// is not.
func (s *symbolList) values(list []*doc.Value) {
	for _, v := range list {
		var typ string // of the constants that iota continues
		for _, spec := range v.Decl.Specs {
			spec := spec.(*ast.ValueSpec)
			if spec.Type != nil {
				typ = " " + s.text(spec.Type)
			} else if len(spec.Values) > 0 {
				typ = ""
			}
			for i, name := range spec.Names {
				if !name.IsExported() {
					continue
				}
				value := ""
				if v.Decl.Tok == token.CONST && i < len(spec.Values) {
					value = " = " + s.text(spec.Values[i])
				}
				s.add("%s %s%s%s", v.Decl.Tok, name.Name, typ, value)
			}
		}
	}
}

func (s *symbolList) funcs(list []*doc.Func) {
	for _, f := range list {
		decl := *f.Decl
		decl.Doc, decl.Body = nil, nil
		s.add("%s", s.text(&decl))
	}
}

// typ lists a type, and on lines of their own the exported fields of a struct and the methods of
// an interface.
func (s *symbolList) typ(t *doc.Type) {
	for _, spec := range t.Decl.Specs {
		spec := spec.(*ast.TypeSpec)
		name := spec.Name.Name
		if spec.TypeParams != nil {
			name += "[" + s.text(spec.TypeParams) + "]"
		}
		assign := ""
		if spec.Assign.IsValid() {
			assign = "= "
		}
		var members *ast.FieldList
		var kind string
		switch body := spec.Type.(type) {
		case *ast.StructType:
			kind, members = "struct", body.Fields
		case *ast.InterfaceType:
			kind, members = "interface", body.Methods
		default:
			s.add("type %s %s%s", name, assign, s.text(spec.Type))
			continue
		}
		s.add("type %s %s%s", name, assign, kind)
		for _, m := range members.List {
			if len(m.Names) == 0 {
				s.add("type %s %s, %s", name, kind, s.text(m.Type))
			}
			for _, n := range m.Names {
				signature := " " + s.text(m.Type)
				if kind == "interface" {
					signature = strings.TrimPrefix(signature, " func")
				}
				s.add("type %s %s, %s%s", name, kind, n.Name, signature)
			}
		}
	}
}
