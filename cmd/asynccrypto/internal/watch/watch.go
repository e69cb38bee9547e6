// Package watch notices when files change, by looking at them again and again.
package watch

import (
	"maps"
	"os"
	"time"
)

// stamps tell whether files have changed: each is another file, or has another time or size. A link
// is followed, since that is what some systems replace when all files are to change together. A file
// that is not there has the stamp nil.
type stamps map[string]os.FileInfo

func stampsOf(files []string) stamps {
	all := stamps{}
	for _, name := range files {
		all[name], _ = os.Stat(name)
	}
	return all
}

func (s stamps) equal(t stamps) bool { return maps.EqualFunc(s, t, same) }

func same(a, b os.FileInfo) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size()
}

// Files sends on the channel when files have changed and have then stayed the same for a period, so
// that files which are written one after another are read once, when all are there. It calls files
// each time it looks, on a goroutine of its own; other files are a change, too. Call stop when done.
func Files(files func() []string, period time.Duration) (changed <-chan struct{}, stop func()) {
	c, ended := make(chan struct{}), make(chan struct{})
	loaded := stampsOf(files())
	go func() {
		ticker := time.NewTicker(period)
		defer ticker.Stop()
		for last := loaded; ; {
			select {
			case <-ticker.C:
			case <-ended:
				return
			}
			now := stampsOf(files())
			if now.equal(last) && !now.equal(loaded) {
				loaded = now
				select {
				case c <- struct{}{}:
				case <-ended:
					return
				}
			}
			last = now
		}
	}()
	return c, func() { close(ended) }
}
