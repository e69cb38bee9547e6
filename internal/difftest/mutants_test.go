package difftest

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// The mutants are deliberate changes to the semantics of package async. The test is built once
// with all of them, by go build -overlay so that async itself does not contain them, and an
// environment variable switches one on. The test must find each of them, or it is not thorough
// enough.

const mutantEnv = "ASYNC_MUTANT"

// mutants describes the mutants by number. Number 0 is none.
var mutants = []string{
	1:  "with equal keys the oldest record is found",
	2:  "set replaces a record with an equal key",
	3:  "clear in the stretch only marks",
	4:  "deletions are not reported",
	5:  "a reset keeps the marks of additions",
	6:  "starting a job resets",
	7:  "the end of a job resets",
	8:  "resuming a job does not reset",
	9:  "cleanups come oldest first",
	10: "cleanups are called for deleted records too",
	11: "all fds come oldest first",
	12: "reading the changes resets",
	13: "block does nothing",
	14: "blocks do not nest",
	15: "the pool holds one job more",
	16: "init may exceed max",
	17: "a status must be one of the four",
	18: "setting no callback leaves the old one",
	19: "clear calls the cleanup",
	20: "an unblock too many counts",
}

// patches add the mutants. Each old string must be in its file exactly once. They are short,
// since async may change.
var patches = []struct{ file, old, new string }{
	{"fdlist.go", "!r.deleted && r.key == key", "!r.deleted && r.key == key && !(mutant == 1 && l.hasOlder(i, key))"},
	{"fdlist.go", "func (l *fdList) add(key any, fd FD, data any, cleanup CleanupFunc) {",
		"$& if mutant == 2 { l.clear(key) }\n"},
	{"fdlist.go", "func (l *fdList) clear(key any) bool {",
		"$& if mutant == 3 { return l.mark(key) }; if mutant == 19 { l.callCleanup(key) }\n"},
	{"fdlist.go", "case r.deleted:", "case r.deleted && mutant == 4:\n$&"},
	{"fdlist.go", "r.added = false", "r.added = r.added && mutant == 5"},
	{"fdlist.go", "func (l *fdList) reset() {", "$& if mutant == 8 { return }\n"},
	{"fdlist.go", "func (l *fdList) cleanUp(w *WaitCtx) {",
		"$& if mutant == 9 { l.reverse() }; if mutant == 10 { l.undelete() }\n"},
	{"fdlist.go", "func (l *fdList) all(dst []FD) []FD {", "$& if mutant == 11 { l.reverse(); defer l.reverse() }\n"},
	{"fdlist.go", "func (l *fdList) changed(add, del []FD) (added, deleted []FD) {",
		"$& if mutant == 12 { defer l.reset() }\n"},
	{"pool.go", "c.fn, c.w = fn, w", "$&; if mutant == 6 && w != nil { w.fds.reset() }"},
	{"coro.go", "func (c *coro) finish(gen uint64) (Outcome, error) {",
		"$& if mutant == 7 && c.w != nil { c.w.fds.reset() }\n"},
	{"job.go", "j.c.blocked++", "if mutant != 13 { $& }"},
	{"job.go", "j.c.blocked--", "$&; if mutant == 14 { j.c.blocked = 0 }"},
	{"job.go", "j.c.blocked > 0", "($& || mutant == 20)"},
	{"pool.go", "len(all) >= p.max", "$& && (mutant != 15 || len(all) > p.max)"},
	{"pool.go", "init > max ||", "init > max && mutant != 16 ||"},
	{"waitctx.go", "w.status = s ", "if mutant != 17 || 0 <= s && s <= 3 { $& }"},
	{"waitctx.go", "if fn == nil {", "if fn == nil && mutant == 18 { return }\n$&"},
}

// mutantHelpers is an additional file of package async in that build.
const mutantHelpers = `package async

import (
	"os"
	"strconv"
)

var mutant, _ = strconv.Atoi(os.Getenv("` + mutantEnv + `"))

func (l *fdList) newest(key any) *record {
	for i := l.n - 1; i >= 0; i-- {
		if r := l.at(i); !r.deleted && r.key == key {
			return r
		}
	}
	return nil
}

func (l *fdList) hasOlder(i int32, key any) bool {
	for k := range i {
		if r := l.at(k); !r.deleted && r.key == key {
			return true
		}
	}
	return false
}

func (l *fdList) mark(key any) bool {
	r := l.newest(key)
	if r == nil {
		return false
	}
	if !r.added {
		l.marked++
	}
	r.deleted = true
	return true
}

func (l *fdList) callCleanup(key any) {
	if r := l.newest(key); r != nil && r.cleanup != nil {
		r.cleanup(nil, r.key, r.fd, r.data)
	}
}

func (l *fdList) reverse() {
	for i := range l.n / 2 {
		a, b := l.at(i), l.at(l.n-1-i)
		*a, *b = *b, *a
	}
}

func (l *fdList) undelete() {
	for i := range l.n {
		l.at(i).deleted = false
	}
}
`

// writeOverlay writes the patched files of async to dir, and returns the name of the file for
// -overlay.
func writeOverlay(asyncDir, dir string) (string, error) {
	texts := map[string]string{"mutants.go": mutantHelpers}
	for _, p := range patches {
		text, ok := texts[p.file]
		if !ok {
			b, err := os.ReadFile(filepath.Join(asyncDir, p.file))
			if err != nil {
				return "", err
			}
			text = string(b)
		}
		if n := strings.Count(text, p.old); n != 1 {
			return "", fmt.Errorf("async/%s has %q %d times, not once: the code has changed, so give the mutant %q a new place",
				p.file, p.old, n, p.new)
		}
		texts[p.file] = strings.Replace(text, p.old, strings.ReplaceAll(p.new, "$&", p.old), 1)
	}
	overlay := struct{ Replace map[string]string }{map[string]string{}}
	for name, text := range texts {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
			return "", err
		}
		overlay.Replace[filepath.Join(asyncDir, name)] = file
	}
	b, err := json.Marshal(overlay)
	if err != nil {
		return "", err
	}
	file := filepath.Join(dir, "overlay.json")
	return file, os.WriteFile(file, b, 0o666)
}
