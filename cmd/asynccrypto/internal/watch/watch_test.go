package watch

import (
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// A change is reported once the files have stayed the same for a period: also the change of the list,
// and a file that comes or goes.
func TestFiles(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("a", "1")
	write("b", "1")
	synctest.Test(t, func(t *testing.T) {
		var names atomic.Pointer[[]string]
		list := func(of ...string) {
			var all []string
			for _, name := range of {
				all = append(all, filepath.Join(dir, name))
			}
			names.Store(&all)
		}
		list("a", "none")
		changed, stop := Files(func() []string { return *names.Load() }, time.Second)
		defer stop()
		noted := func(want bool) {
			t.Helper()
			time.Sleep(3*time.Second + time.Millisecond)
			select {
			case <-changed:
				if !want {
					t.Error("a change")
				}
			default:
				if want {
					t.Error("no change")
				}
			}
			synctest.Wait() // for the look that fell due meanwhile
		}
		noted(false)
		write("a", "12")
		noted(true)
		noted(false)
		list("a", "b", "none")
		noted(true)
		list("b", "none", "a")
		noted(false)
		write("none", "1")
		noted(true)
		if err := os.Remove(filepath.Join(dir, "a")); err != nil {
			t.Fatal(err)
		}
		noted(true)

		// While they go on changing nothing is reported.
		for _, text := range []string{"1", "12", "123", "1234"} {
			write("b", text)
			time.Sleep(time.Second)
			select {
			case <-changed:
				t.Error("a change while it is written")
			default:
			}
		}
		noted(true)
	})
}
