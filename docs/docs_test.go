// Package docs_test keeps what is written about the project true.
package docs_test

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/api")

// output runs a command in dir and returns what it prints.
func output(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, stderr.String())
	}
	return string(out)
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

// pkg is a package that users import, in whichever module.
type pkg struct{ path, dir string }

// publicPackages lists the libraries of all modules. Commands, benchmarks, examples, tests, the
// C library and the provider are not imported by anybody.
func publicPackages(t *testing.T) (all []pkg) {
	t.Helper()
	list := output(t, "..", "go", "list", "-f", "{{if ne .Name \"main\"}}{{if .GoFiles}}{{.ImportPath}} {{.Dir}}{{end}}{{end}}", "work")
	private := regexp.MustCompile(`/(internal|bench|cabi|cmd|docs|examples|provider)(/|$)`)
	for line := range strings.Lines(list) {
		if path, dir, ok := strings.Cut(strings.TrimSpace(line), " "); ok && !private.MatchString(strings.TrimPrefix(path, module(t))) {
			all = append(all, pkg{path, dir})
		}
	}
	if len(all) == 0 {
		t.Fatal("no public package was found")
	}
	return all
}

// rootPackages lists the public packages of the root module.
func rootPackages(t *testing.T) (paths []string) {
	t.Helper()
	inRoot := strings.Fields(output(t, "..", "go", "list", "./..."))
	for _, p := range publicPackages(t) {
		if slices.Contains(inRoot, p.path) {
			paths = append(paths, p.path)
		}
	}
	return paths
}

// module returns the module's path, which is not always asynccrypto.
func module(t *testing.T) string { return strings.Fields(read(t, "../go.mod"))[1] }

// TestBuildList holds the promise that who imports a library package gets golang.org/x/sys and no
// other module.
func TestBuildList(t *testing.T) {
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	gomod, mod := read(t, "../go.mod"), module(t)
	dir := t.TempDir()
	var imports strings.Builder
	for _, path := range rootPackages(t) {
		imports.WriteString("import _ \"" + path + "\"\n")
	}
	write(t, filepath.Join(dir, "main.go"), "package main\n"+imports.String()+"func main() {}\n")
	write(t, filepath.Join(dir, "go.mod"), "module importer.test\n\ngo 1.26.0\n\nrequire "+mod+" v0.0.0\n\nreplace "+mod+" => "+root+"\n"+
		regexp.MustCompile(`(?m)^require golang.org/x/sys.*$`).FindString(gomod)+"\n")
	write(t, filepath.Join(dir, "go.sum"), read(t, "../go.sum"))
	t.Setenv("GOWORK", "off")
	t.Setenv("GOFLAGS", "-mod=mod")
	output(t, dir, "go", "build", ".")
	got := strings.Fields(output(t, dir, "go", "list", "-m", "-f", "{{.Path}}", "all"))
	if want := "importer.test " + mod + " golang.org/x/sys"; strings.Join(got, " ") != want {
		t.Errorf("an importer's build list is %q, want %q", got, want)
	}
}

// TestMetricsWithoutGRPC holds that a program that imports package metrics, and not remotemetrics, does
// not compile gRPC.
func TestMetricsWithoutGRPC(t *testing.T) {
	for path, want := range map[string]bool{"./metrics": false, "./metrics/remotemetrics": true} {
		if got := slices.Contains(strings.Fields(output(t, "..", "go", "list", "-deps", path)), "google.golang.org/grpc"); got != want {
			t.Errorf("%s imports gRPC: %t, want %t", path, got, want)
		}
	}
}

// TestReadme holds the README to the two commands that it gives for a first try.
func TestReadme(t *testing.T) {
	text := read(t, "../README.md")
	for _, command := range []string{"go run ./cmd/asynccrypto speed", "go test work"} {
		if !strings.Contains(text, "\n    "+command+"\n") {
			t.Errorf("README.md does not give the command %q", command)
		}
	}
}

// TestReleasing holds RELEASING.md to the modules of go.work: each has a row, after the modules
// that it requires.
func TestReleasing(t *testing.T) {
	mod := module(t)
	row := map[string]int{} // by folder
	for i, m := range regexp.MustCompile("(?m)^\\| (?:\\d+|-) \\| `(.+?)` \\|").FindAllStringSubmatch(read(t, "../RELEASING.md"), -1) {
		row[m[1]] = i + 1
	}
	folders := regexp.MustCompile(`(?m)^\t\.(?:/(\S+))?$`).FindAllStringSubmatch(read(t, "../go.work"), -1)
	for _, f := range folders {
		folder := f[1]
		if folder == "" {
			folder = "."
		}
		if row[folder] == 0 {
			t.Errorf("RELEASING.md has no row for module %s", folder)
		}
		requires := regexp.MustCompile(`(?m)^(?:require |\t)`+regexp.QuoteMeta(mod)+`(?:/(\S+))? v`).FindAllStringSubmatch(
			read(t, filepath.Join("..", folder, "go.mod")), -1)
		for _, r := range requires {
			required := r[1]
			if required == "" {
				required = "."
			}
			if row[required] > row[folder] {
				t.Errorf("RELEASING.md tags %s before %s, which it requires", folder, required)
			}
		}
	}
	if len(row) != len(folders) {
		t.Errorf("RELEASING.md has %d modules, go.work %d", len(row), len(folders))
	}
}
