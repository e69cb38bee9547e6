package hsmtest

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Helpers returns the ids of the helper processes ("p11-kit remote") that the process parent has
// started, zombies included. The format is in proc_pid_stat(5).
func Helpers(t T, parent int) (pids []int) {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatalf("%v", err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			continue // it has ended
		}
		id, rest, _ := strings.Cut(string(b), " (")
		name, rest, _ := strings.Cut(rest, ") ")
		fields := strings.Fields(rest)
		if len(fields) < 2 || name != "p11-kit-remote" || fields[1] != strconv.Itoa(parent) {
			continue
		}
		pid, err := strconv.Atoi(id)
		if err != nil {
			t.Fatalf("%v", err)
		}
		pids = append(pids, pid)
	}
	return pids
}
