// Package version is the command asynccrypto version.
package version

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"golang.org/x/sys/cpu"

	"asynccrypto/cmd/asynccrypto/internal/cli"
	"asynccrypto/internal/measure"
)

// Command writes which build this is, and where it runs.
var Command = &cli.Command{
	Name:  "version",
	Short: "Print the version of this build and the processor",
	Setup: func(*cli.Flags) cli.Run { return write },
	Long: `
The revision is that of the repository in which the command was built. A build from a published
version of the module has none. "modified" means that files differed from the revision.
`,
	Example: `
$ asynccrypto version
asynccrypto v1.4.0
revision    1f0c2d3e4b5a69788796a5b4c3d2e1f001122334 of 2026-11-23T04:18:21Z
go          go1.26.8 linux/amd64
cpu         AMD EPYC 9V74 80-Core Processor, 2 cores: BMI2 ADX AVX2 AVX-512F AVX-512VL AVX-512IFMA
`,
}

func write(args []string, std cli.Stdio) error {
	if err := cli.NoArguments(args); err != nil {
		return err
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{}
	}
	fmt.Fprintf(std.Out, "asynccrypto %s\n", cmp.Or(info.Main.Version, "(unknown version)"))
	fmt.Fprintf(std.Out, "revision    %s\n", revision(info.Settings))
	fmt.Fprintf(std.Out, "go          %s %s/%s\n", runtime.Version(), runtime.GOOS, runtime.GOARCH)
	m := measure.ThisMachine()
	fmt.Fprintf(std.Out, "cpu         %s, %s: %s\n", m.CPU, measure.Count(m.Cores, "core"), features())
	return nil
}

// revision describes the state of the repository in which the command was built.
func revision(settings []debug.BuildSetting) string {
	vcs := make(map[string]string)
	for _, s := range settings {
		vcs[s.Key] = s.Value
	}
	text := vcs["vcs.revision"]
	if text == "" {
		return "unknown"
	}
	if t := vcs["vcs.time"]; t != "" {
		text += " of " + t
	}
	if vcs["vcs.modified"] == "true" {
		text += ", modified"
	}
	return text
}

// features lists the instructions that public-key operations may use.
func features() string {
	var has []string
	for _, f := range []struct {
		name string
		has  bool
	}{
		{"BMI2", cpu.X86.HasBMI2},
		{"ADX", cpu.X86.HasADX},
		{"AVX2", cpu.X86.HasAVX2},
		{"AVX-512F", cpu.X86.HasAVX512F},
		{"AVX-512VL", cpu.X86.HasAVX512VL},
		{"AVX-512IFMA", cpu.X86.HasAVX512IFMA},
	} {
		if f.has {
			has = append(has, f.name)
		}
	}
	if has == nil {
		return "none of the instructions that matter here"
	}
	return strings.Join(has, " ")
}
