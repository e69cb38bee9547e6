package docs_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// block is a block of Go code on a page.
type block struct {
	page string // its path from the root of the checkout
	line int    // of the page, where the code begins
	code string
	from string // the file that a comment before the block names, as in <!-- from examples/gnet/tls.go -->
}

func (b block) String() string { return fmt.Sprintf("%s:%d", b.page, b.line) }

// program reports whether the block is a whole file, and not a fragment of one.
func (b block) program() bool {
	return regexp.MustCompile(`(?m)\A(//.*\n|\n)*package `).MatchString(b.code)
}

var fromComment = regexp.MustCompile(`^<!-- from (\S+) -->$`)

// goBlocks returns the blocks of a page that begin with ```go.
func goBlocks(page, text string) (blocks []block) {
	const outside, inOther, inGo = 0, 1, 2
	state, from := outside, ""
	for i, line := range strings.SplitAfter(text, "\n") {
		trimmed := strings.TrimSpace(line)
		fence := strings.HasPrefix(trimmed, "```")
		switch {
		case state == outside && trimmed == "```go":
			state = inGo
			blocks = append(blocks, block{page: page, line: i + 2, from: from})
		case state == outside && fence:
			state = inOther
		case fence:
			state, from = outside, ""
		case state == inGo:
			blocks[len(blocks)-1].code += line
		case state == outside && trimmed != "":
			from = ""
			if m := fromComment.FindStringSubmatch(trimmed); m != nil {
				from = m[1]
			}
		}
	}
	return blocks
}

// quotes reports whether code stands in text, perhaps indented there by some tabs more.
func quotes(text, code string) bool {
	lines := strings.Split(strings.TrimRight(code, "\n"), "\n")
	for range 8 {
		if strings.Contains("\n"+text+"\n", "\n"+strings.Join(lines, "\n")+"\n") {
			return true
		}
		for i, line := range lines {
			if line != "" {
				lines[i] = "\t" + line
			}
		}
	}
	return false
}

// pages returns the pages whose Go code is tested: those of the guide and, once it has a whole
// program, the README.
func pages(t *testing.T) map[string]string {
	t.Helper()
	names, err := filepath.Glob("guide/*.md")
	if err != nil {
		t.Fatal(err)
	}
	texts := make(map[string]string)
	for _, name := range names {
		texts["docs/"+name] = read(t, name)
	}
	readme := read(t, "../README.md")
	for _, b := range goBlocks("README.md", readme) {
		if b.program() {
			texts["README.md"] = readme
		}
	}
	return texts
}

// TestBlocks holds that each Go block of the pages is right: a whole file compiles as it stands,
// and a fragment stands in the file that the comment before it names.
func TestBlocks(t *testing.T) {
	var programs []block
	for page, text := range pages(t) {
		for _, b := range goBlocks(page, text) {
			switch {
			case b.program():
				programs = append(programs, b)
			case b.from == "":
				t.Errorf("%v: a fragment needs a comment before it that names its file, as <!-- from examples/gnet/tls.go -->", b)
			default:
				source, err := os.ReadFile(filepath.Join("..", filepath.FromSlash(b.from)))
				if err != nil {
					t.Errorf("%v: %v", b, err)
				} else if !quotes(string(source), b.code) {
					t.Errorf("%v: this does not stand in %s:\n%s", b, b.from, b.code)
				}
			}
		}
	}
	if len(programs) > 0 {
		compile(t, programs)
	}
}

// compile vets the programs, each in a folder of its own.
func compile(t *testing.T, programs []block) {
	t.Helper()
	dir := newWorkspace(t)
	for i, b := range programs {
		writeProgram(t, filepath.Join(dir, fmt.Sprintf("block%d", i)), b)
	}
	output(t, dir, "go", "vet", "./...")
}

// newWorkspace makes a module that joins the workspace, so that programs in its folder may import
// whatever the examples import. It sets the environment for the go command.
func newWorkspace(t *testing.T) (dir string) {
	t.Helper()
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	work := regexp.MustCompile(`(?m)^\t\.(.*)$`).ReplaceAllStringFunc(read(t, "../go.work"), func(use string) string {
		return "\t\"" + filepath.ToSlash(filepath.Join(root, strings.TrimSpace(use))) + "\""
	})
	write(t, filepath.Join(dir, "go.work"), work+"\nuse .\n")
	if sum, err := os.ReadFile("../go.work.sum"); err == nil {
		write(t, filepath.Join(dir, "go.work.sum"), string(sum))
	}
	write(t, filepath.Join(dir, "go.mod"), "module blocks.test\n\ngo 1.26.0\n")
	t.Setenv("GOWORK", filepath.Join(dir, "go.work"))
	t.Setenv("GOFLAGS", "")
	return dir
}

// writeProgram writes a program into a folder of its own. The compiler's errors name the page and
// its line.
func writeProgram(t *testing.T, dir string, b block) {
	t.Helper()
	page, err := filepath.Abs(filepath.Join("..", b.page))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "main.go"), fmt.Sprintf("//line %s:%d\n%s", page, b.line, b.code))
}

func TestGoBlocks(t *testing.T) {
	page := strings.ReplaceAll(`# A page

''go
package main
''

''sh
''

<!-- from a/b.go -->

''go
	x++

	y++
''

Text.

''go
// Command a is a program.

package main
''
`, "''", "```")
	blocks := goBlocks("page.md", page)
	if len(blocks) != 3 {
		t.Fatalf("%d blocks, want 3: %q", len(blocks), blocks)
	}
	for i, want := range []struct {
		line    int
		from    string
		program bool
	}{{4, "", true}, {13, "a/b.go", false}, {21, "", true}} {
		if b := blocks[i]; b.line != want.line || b.from != want.from || b.program() != want.program {
			t.Errorf("block %d: %+v, program %t; want %+v", i, b, b.program(), want)
		}
	}
	for _, c := range []struct {
		text, code string
		want       bool
	}{
		{"a\n\tx++\n\n\ty++\nb", "x++\n\ny++\n", true},
		{"a\n\tx++\n\n\ty++\nb", "\tx++\n\n\ty++\n", true},
		{"a\n\tx++\n\n\t\ty++\nb", "x++\n\ny++\n", false}, // indented differently
		{"ax++\n", "x++\n", false},                        // a part of a line
	} {
		if got := quotes(c.text, c.code); got != c.want {
			t.Errorf("quotes(%q, %q) is %t", c.text, c.code, got)
		}
	}
}
