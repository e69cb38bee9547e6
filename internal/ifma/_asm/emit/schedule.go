package emit

// Stream is a sequence of instructions that stay in this order.
type Stream struct {
	k    *Kernel
	ops  []*op
	next int // the first that is not written
}

// unit is the part of the CPU that an instruction needs.
type unit int

const (
	none unit = iota // for loads, stores, and changes that take no instruction
	alu
	ifma
)

// op is an instruction.
type op struct {
	unit   unit
	write  func() // writes it, when its turn comes
	reads  []*Word
	writes *Word
	store  *place
	// How many registers it takes out of the pool, or gives back.
	get, put int

	stream *Stream
	after  []*op // must be written before it
	needs  []*op // their results must be there before it
	height int   // cycles from it to the end of the kernel
	ready  int   // the cycle in which its result is there; 0 before it is written
}

// The model of a CPU by which instructions are ordered. A real one reorders them again, so it
// need not be exact: the distance of dependent instructions counts.
const (
	cycleIFMA    = 1 // how many a cycle
	cycleALU     = 2 // with IFMA
	cycleMemory  = 2
	latencyIFMA  = 4
	latencyALU   = 1
	latencyLoad  = 0
	latencyStore = 12 // from a store to a load of the same word
)

func (o *op) latency() int {
	switch {
	case o.unit == ifma:
		return latencyIFMA
	case o.unit == alu:
		return latencyALU
	case o.store != nil:
		return latencyStore
	case o.loads() != nil:
		return latencyLoad
	}
	return 0
}

// loads is the place that o reads from memory.
func (o *op) loads() *place {
	for _, w := range o.reads {
		if w.inMem && !w.small {
			return &w.at
		}
	}
	return nil
}

func (o *op) memory() bool { return o.store != nil || o.loads() != nil }

// Stream begins a stream, which the next [Kernel.Run] writes.
func (k *Kernel) Stream() *Stream {
	s := &Stream{k: k}
	k.built = append(k.built, s)
	return s
}

func (s *Stream) add(o op) {
	switch o.unit {
	case alu:
		s.k.alus++
	case ifma:
		s.k.ifmas++
	}
	o.stream = s
	s.ops = append(s.ops, &o)
}

// Run writes the streams that were built since the last Run. It keeps the order of loads and
// stores of the same number. Numbers at the addresses of different registers must not overlap
// in memory, unless a kernel has one stream only, which loads all before it stores.
//
// It goes through the cycles of the model. In each it writes the instructions whose operands
// are there, of the streams with the longest way to the end first. So where one stream has to
// wait for its own results, mostly at its end, others fill the gap. A stream begins as soon as
// the first word that it reads is stored and there are registers enough for it and for all that
// are under way.
func (k *Kernel) Run() {
	streams := k.built
	k.built = nil
	room := len(k.free) // a kernel may hold registers of its own
	connect(streams)
	type progress struct {
		*Stream
		future []int // the most registers that it has from op i on
	}
	all := make([]*progress, len(streams))
	left := 0
	for i, s := range streams {
		p := &progress{Stream: s, future: make([]int, len(s.ops)+1)}
		held := 0
		for _, o := range s.ops {
			held += o.get - o.put
		}
		if held != 0 {
			k.fail("a stream keeps %d registers", held)
		}
		for i := len(s.ops) - 1; i >= 0; i-- {
			o := s.ops[i]
			p.future[i] = max(p.future[i+1], held)
			held -= o.get - o.put
			p.future[i] = max(p.future[i], held)
		}
		all[i] = p
		left += len(s.ops)
	}
	for cycle := 1; left > 0; cycle++ {
		ifmas, alus, moves := cycleIFMA, cycleALU, cycleMemory
		tried := make(map[*progress]bool)
		for {
			// The stream whose next instruction has the longest way to the end.
			var best *progress
			for _, p := range all {
				if p.next < len(p.ops) && !tried[p] && (best == nil || p.ops[p.next].height > best.ops[best.next].height) {
					best = p
				}
			}
			if best == nil {
				break
			}
			tried[best] = true
			if best.next == 0 {
				registers := best.future[0]
				for _, p := range all {
					if p.next > 0 {
						registers += p.future[p.next]
					}
				}
				if registers > room || !best.canStart() {
					continue
				}
			}
			for best.next < len(best.ops) {
				o := best.ops[best.next]
				if !o.can(cycle) || o.unit == ifma && ifmas == 0 || o.unit != none && alus == 0 || o.memory() && moves == 0 {
					break
				}
				switch o.unit {
				case ifma:
					ifmas--
					alus--
				case alu:
					alus--
				}
				if o.memory() {
					moves--
				}
				o.write()
				o.ready = cycle + o.latency()
				best.next++
				left--
			}
		}
		if cycle > 1000*1000 {
			k.fail("the streams wait for each other")
		}
	}
}

// can reports whether o can run in a cycle.
func (o *op) can(cycle int) bool {
	for _, p := range o.after {
		if p.ready == 0 {
			return false
		}
	}
	for _, p := range o.needs {
		if p.ready == 0 || p.ready > cycle {
			return false
		}
	}
	return true
}

// canStart reports whether all that s needs is under way, and there for its first instructions.
// A stream that waited for one that has not begun could hold the registers which that one
// needs.
func (s *Stream) canStart() bool {
	const first = 8
	for i, o := range s.ops {
		for _, deps := range [][]*op{o.needs, o.after} {
			for _, p := range deps {
				if p.stream != s && (p.stream.next == 0 || i < first && p.ready == 0) {
					return false
				}
			}
		}
	}
	return true
}

// connect finds out which instructions depend on which.
func connect(streams []*Stream) {
	stored := make(map[place]*op)   // the last one that stored to a word
	loaded := make(map[place][]*op) // those that have read it since
	var order []*op
	for _, s := range streams {
		written := make(map[*Word]*op)
		for _, o := range s.ops {
			for _, w := range o.reads {
				if p := written[w]; p != nil {
					o.needs = append(o.needs, p)
				}
			}
			if w := o.loads(); w != nil {
				if p := stored[*w]; p != nil {
					o.needs = append(o.needs, p)
				}
				loaded[*w] = append(loaded[*w], o)
			}
			if o.store != nil {
				w := *o.store
				o.after = append(o.after, loaded[w]...)
				if p := stored[w]; p != nil {
					o.after = append(o.after, p)
				}
				stored[w], loaded[w] = o, nil
			}
			if o.writes != nil {
				written[o.writes] = o
			}
			order = append(order, o)
		}
	}
	for i := len(order) - 1; i >= 0; i-- {
		o := order[i]
		o.height += o.latency()
		for _, p := range o.needs {
			p.height = max(p.height, o.height)
		}
	}
	// Streams keep their order, so an instruction is as urgent as those behind it.
	for _, s := range streams {
		for i := len(s.ops) - 2; i >= 0; i-- {
			s.ops[i].height = max(s.ops[i].height, s.ops[i+1].height)
		}
	}
}
