// Package docs_test keeps what is written about the project true.
package docs_test

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/api.txt")

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

// publicPackages lists the packages that users import.
func publicPackages(t *testing.T) (pkgs []string) {
	for _, pkg := range strings.Fields(output(t, "..", "go", "list", "-f", `{{if ne .Name "main"}}{{.ImportPath}}{{end}}`, "./...")) {
		if !strings.Contains(pkg, "/internal/") && !strings.HasSuffix(pkg, "/docs") {
			pkgs = append(pkgs, pkg)
		}
	}
	return pkgs
}

// module returns the module's path, which is not always asynccrypto.
func module(t *testing.T) string { return strings.Fields(read(t, "../go.mod"))[1] }

// TestAPI keeps docs/api.txt the public face of the project. After a deliberate change: go test ./docs -update
func TestAPI(t *testing.T) {
	t.Setenv("GOOS", "linux") // what differs by system is shown as it is there
	t.Setenv("GOARCH", "amd64")
	var api strings.Builder
	for _, pkg := range append(publicPackages(t), module(t)+"/metrics") { // the one library that is a module of its own
		api.WriteString(output(t, "..", "go", "doc", "-all", pkg))
		api.WriteString("\n")
	}
	if *update {
		if err := os.WriteFile("api.txt", []byte(api.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if read(t, "api.txt") != api.String() {
		t.Error("docs/api.txt is not what go doc says; if the change is meant: go test ./docs -update")
	}
}

// TestBuildList holds the promise that who imports a library package gets golang.org/x/sys and no other module.
func TestBuildList(t *testing.T) {
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	gomod, mod := read(t, "../go.mod"), module(t)
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var imports strings.Builder
	for _, pkg := range publicPackages(t) {
		imports.WriteString("import _ \"" + pkg + "\"\n")
	}
	write("main.go", "package main\n"+imports.String()+"func main() {}\n")
	write("go.mod", "module importer.test\n\ngo 1.26.0\n\nrequire "+mod+" v0.0.0\n\nreplace "+mod+" => "+root+"\n"+
		regexp.MustCompile(`(?m)^require golang.org/x/sys.*$`).FindString(gomod)+"\n")
	write("go.sum", read(t, "../go.sum"))
	t.Setenv("GOWORK", "off")
	t.Setenv("GOFLAGS", "-mod=mod")
	output(t, dir, "go", "build", ".")
	got := strings.Fields(output(t, dir, "go", "list", "-m", "-f", "{{.Path}}", "all"))
	if want := "importer.test " + mod + " golang.org/x/sys"; strings.Join(got, " ") != want {
		t.Errorf("an importer's build list is %q, want %q", got, want)
	}
}

func TestReadme(t *testing.T) {
	text := read(t, "../README.md")
	if n := strings.Count(text, "\n"); n >= 250 {
		t.Errorf("README.md has %d lines", n)
	}
	for _, command := range []string{"go run ./cmd/asynccrypto speed", "go test work"} {
		if !strings.Contains(text, "\n    "+command+"\n") {
			t.Errorf("README.md does not give the command %q", command)
		}
	}
	// What is given there is what is tested.
	within := func(name, begin, end string) {
		t.Helper()
		code := read(t, name)
		i := strings.Index(code, begin)
		if i < 0 {
			t.Fatalf("%s has no %q", name, begin)
		}
		j := strings.Index(code[i:], end)
		if j < 0 || !strings.Contains(text, code[i:i+j]) {
			t.Errorf("README.md does not give %q as it stands in %s", begin, name)
		}
	}
	within("../internal/interop/jwt_example_test.go", "type rsaMethod struct {", "\n}\n\n// Many")
	within("../examples/gnet/tls.go", "func (s *server) OnOpen(", "\n}\n")
	within("../examples/gnet/tls.go", "func (s *server) OnTraffic(", "\n}\n")
	within("../asynctls/config.go", "http.Server{TLSConfig: asynctls.Config(cfg)}", "\n")
}
