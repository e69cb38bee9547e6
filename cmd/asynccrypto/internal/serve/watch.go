package serve

import (
	"os"
	"slices"
	"time"
)

// stamp tells whether a file has changed: it is another file, or another time or size. A link is
// followed, since that is what some systems replace when all files are to change together.
type stamp struct{ info os.FileInfo } // nil for a file that is not there

func stamps(files []string) []stamp {
	var all []stamp
	for _, name := range files {
		info, _ := os.Stat(name)
		all = append(all, stamp{info})
	}
	return all
}

func (s stamp) equal(t stamp) bool {
	if s.info == nil || t.info == nil {
		return s.info == t.info
	}
	return os.SameFile(s.info, t.info) && s.info.ModTime().Equal(t.info.ModTime()) && s.info.Size() == t.info.Size()
}

// watchFiles sends on the channel when files have changed and have then stayed the same for a
// period, so that files which are written one after another are read once, when all are there. Call
// stop when done.
func watchFiles(files []string, period time.Duration) (changed <-chan struct{}, stop func()) {
	c, ended := make(chan struct{}), make(chan struct{})
	if len(files) == 0 {
		return c, func() {}
	}
	loaded := stamps(files)
	go func() {
		ticker := time.NewTicker(period)
		defer ticker.Stop()
		for last := loaded; ; {
			select {
			case <-ticker.C:
			case <-ended:
				return
			}
			now := stamps(files)
			if still := slices.EqualFunc(now, last, stamp.equal); still && !slices.EqualFunc(now, loaded, stamp.equal) {
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
