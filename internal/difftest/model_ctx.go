package difftest

// modelCtx is the model of a wait context: its records, oldest first.
type modelCtx struct {
	live     bool
	closing  bool // it is being freed
	torn     bool // and a record was freed: its list leads through freed memory
	finished bool // a job on it has finished
	callback bool
	jobs     int // that run or are paused on it
	recs     []modelRec
}

type modelRec struct {
	key            uint8
	cleanup        uint8
	added, deleted bool
	closing        bool // its cleanup is running
}

func (c *modelCtx) usable() bool { return c.live && !c.closing }

func (c *modelCtx) added() (n int) {
	for _, r := range c.recs {
		if r.added && !r.deleted {
			n++
		}
	}
	return n
}

func (c *modelCtx) find(key uint8) int {
	for i := len(c.recs) - 1; i >= 0; i-- {
		if r := c.recs[i]; r.key == key && !r.deleted {
			return i
		}
	}
	return -1
}

func (c *modelCtx) remove(i int) { c.recs = append(c.recs[:i], c.recs[i+1:]...) }

// reset does to the context what resuming a job on it does.
func (c *modelCtx) reset() {
	kept := c.recs[:0]
	for _, r := range c.recs {
		if !r.deleted {
			r.added = false
			kept = append(kept, r)
		}
	}
	c.recs = kept
}

func (m *model) inCleanup() bool { return len(m.frames[m.control]) > 0 }

// inCleanupOf reports whether the innermost cleanup is one of that context's.
func (m *model) inCleanupOf(ctx uint8) bool {
	f := m.frames[m.control]
	return len(f) > 0 && f[len(f)-1] == ctx
}

// applyCtx does a step on a wait context. While a context is being freed, only its cleanups may
// use it. Only the first cleanup may use the list, to look up and to clear: later the list leads
// through freed memory, and a new record would leak.
func (m *model) applyCtx(s Step) bool {
	c := &m.ctxs[s.Ctx]
	if s.Op == OpNew {
		if c.live {
			return false
		}
		*c = modelCtx{live: true}
		return true
	}
	if !c.live || c.closing && !m.inCleanupOf(s.Ctx) {
		return false
	}
	switch s.Op {
	case OpFree:
		if c.closing || c.jobs > 0 || len(m.frames[m.control]) == maxFrames {
			return false
		}
		c.closing = true
		m.free(s.Ctx)
	case OpSet:
		return !c.closing && m.set(c, s)
	case OpGet:
		return !c.torn
	case OpAll, OpChanged:
		if c.torn {
			return false
		}
		m.counts[Lists]++
	case OpClear:
		return !c.torn && m.clear(c, s.Key)
	case OpSetCallback:
		if c.callback && s.Variant == 0 {
			m.counts[CallbackUnset]++
		}
		c.callback = s.Variant != 0
	case OpCallback:
		if c.closing {
			return false // see the package comment
		}
		if c.callback {
			m.counts[CallbackCalls]++
		} else {
			m.counts[NoCallback]++
		}
	case OpSetStatus:
		if s.Value < 0 || s.Value > 3 {
			m.counts[OddStatuses]++
		}
	}
	return true
}

func (m *model) set(c *modelCtx, s Step) bool {
	if len(c.recs) == maxRecords {
		return false
	}
	if c.find(s.Key) >= 0 {
		m.counts[EqualKeys]++
	}
	for _, r := range c.recs {
		if r.key == s.Key && r.deleted {
			m.counts[ClearThenSet]++
			break
		}
	}
	c.recs = append(c.recs, modelRec{key: s.Key, cleanup: s.Variant, added: true})
	return true
}

func (m *model) clear(c *modelCtx, key uint8) bool {
	i := c.find(key)
	if i < 0 {
		m.counts[ClearMisses]++
		return true
	}
	r := &c.recs[i]
	if r.closing && r.added {
		return false // a double free in the library
	}
	if r.closing {
		m.counts[CleanupClearsItself]++
	}
	if c.closing {
		m.counts[CleanupClears]++
	}
	if r.added {
		m.counts[ClearInStretch]++
		c.remove(i)
	} else {
		m.counts[ClearLater]++
		r.deleted = true
	}
	if c.find(key) >= 0 {
		m.counts[Uncovered]++
	}
	return true
}

// free removes the records, the newest first, up to the next one whose cleanup takes steps.
func (m *model) free(ctx uint8) {
	c := &m.ctxs[ctx]
	for len(c.recs) > 0 {
		r := &c.recs[len(c.recs)-1]
		switch {
		case r.deleted:
			m.counts[DeletedAtFree]++
		case r.cleanup != cleanupNone:
			m.counts[Cleanups]++
			if r.cleanup == cleanupActs {
				r.closing = true
				m.frames[m.control] = append(m.frames[m.control], ctx)
				return
			}
		}
		c.recs = c.recs[:len(c.recs)-1]
		c.torn = true
	}
	*c = modelCtx{}
}

func (m *model) endCleanup() {
	f := m.frames[m.control]
	ctx := f[len(f)-1]
	m.frames[m.control] = f[:len(f)-1]
	c := &m.ctxs[ctx]
	c.recs = c.recs[:len(c.recs)-1] // the closing one is the newest, since nothing is set meanwhile
	c.torn = true
	m.free(ctx)
}
