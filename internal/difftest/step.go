package difftest

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"
)

// Op is the operation of a step. The numbers are those of testdata/interp.c.
type Op uint8

const (
	OpNew         Op = iota // Ctx
	OpFree                  // Ctx; the cleanups that act take the next steps
	OpSet                   // Ctx, Key, Value: the fd, Data, Variant: the cleanup
	OpGet                   // Ctx, Key
	OpClear                 // Ctx, Key
	OpAll                   // Ctx
	OpChanged               // Ctx, Variant: which lists
	OpSetCallback           // Ctx, Variant: the callback, 0 for none, Data: its argument
	OpCallback              // Ctx; gets the callback and calls it
	OpSetStatus             // Ctx, Value
	OpStatus                // Ctx
	OpInit                  // Data: init, Variant: whether Value or largePool + Value is max
	OpCleanup               //
	OpStart                 // Key: the job, Ctx or noCtx, Variant: the body, Value and Data: see the bodies
	OpResume                // Key: the job
	OpPause                 //
	OpBlock                 // Key: outside jobs, a job on which it must have no effect
	OpUnblock               // as OpBlock
	OpCurrent               //
	OpWaitCtx               // Key: a paused job
	OpCapable               //
	OpReturn                // Value; from the cleanup or the body that has control
	numOps
)

var opNames = [numOps]string{
	"new", "free", "set", "get", "clear", "all", "changed", "setcallback", "callback", "setstatus", "status", "init",
	"cleanup", "start", "resume", "pause", "block", "unblock", "current", "waitctx", "capable", "return",
}

const (
	numCtxs = 4
	numJobs = 5
	numKeys = 4 // few, so that keys are often equal; key 0 is NULL in C and nil in Go
	noCtx   = numCtxs
)

// Variants of OpSet: the cleanup.
const (
	cleanupNone  = iota
	cleanupPlain // writes to the trace
	cleanupActs  // writes to the trace and takes steps
	numCleanups
)

// Variants of OpStart: the body.
const (
	bodySteps   = iota // takes steps
	bodyPause          // pauses once: ASYNC_pause_job itself, called by the library
	bodyCapable        // ASYNC_is_capable
	bodyNumber         // returns Value, which it gets as an argument, behind Data bytes more
	bodyNull           // returns whether it gets an argument; Value selects one of the three below
	numBodies
)

// The arguments of bodyNull, none of which reach it.
const (
	nullNoBytes = iota // the address of 0 bytes
	nullBytes          // NULL, of some bytes
	nullNothing        // NULL, of 0 bytes
	numNulls
)

const maxPadding = 600 // of bodyNumber's arguments; libasync allocates those of more than 256 bytes

// Variants of OpInit: the most jobs of the pool.
const (
	initValue = iota // Value
	initLarge        // largePool + Value
	numInits
)

const (
	largePool     = math.MaxInt32 - 2
	numLargePools = 5 // values of Value, the last two of which OpenSSL refuses since 3.6.0
)

// initMax returns the most jobs that an OpInit asks for.
func (s Step) initMax() int64 {
	if s.Variant == initLarge {
		return largePool + int64(s.Value)
	}
	return int64(s.Value)
}

// Variants of OpChanged: bits for the lists that are asked for. The counts are always asked for.
const (
	listAdded = 1 << iota
	listDeleted
	numLists
)

const numCallbacks = 4 // including none

// Step is one call.
type Step struct {
	Op                Op
	Ctx, Key, Variant uint8
	Value, Data       int32
}

const stepSize = 12 // of struct step in testdata/interp.c

func (s Step) appendTo(b []byte) []byte {
	b = append(b, byte(s.Op), s.Ctx, s.Key, s.Variant)
	b = binary.LittleEndian.AppendUint32(b, uint32(s.Value))
	return binary.LittleEndian.AppendUint32(b, uint32(s.Data))
}

// stepFrom makes a step from any stepSize bytes, for fuzzing.
func stepFrom(b []byte) Step {
	s := Step{
		Op: Op(b[0]) % numOps, Ctx: b[1] % numCtxs, Key: b[2], Variant: b[3],
		Value: int32(binary.LittleEndian.Uint32(b[4:])), Data: int32(binary.LittleEndian.Uint32(b[8:])),
	}
	keys, variants := uint8(1), uint8(1)
	switch s.Op {
	case OpSet:
		keys, variants = numKeys, numCleanups
	case OpGet, OpClear:
		keys = numKeys
	case OpChanged:
		variants = numLists
	case OpSetCallback:
		variants = numCallbacks
	case OpInit:
		s.Value, s.Data = s.Value&7, s.Data&7
		variants = numInits
	case OpStart:
		s.Ctx = b[1] % (numCtxs + 1)
		s.Data = int32(uint32(s.Data) % maxPadding)
		if s.Variant %= numBodies; s.Variant == bodyNull {
			s.Value = int32(uint32(s.Value) % numNulls)
		}
		keys, variants = numJobs, numBodies
	case OpResume, OpBlock, OpUnblock, OpWaitCtx:
		keys = numJobs
	}
	s.Key %= keys
	s.Variant %= variants
	return s
}

// String returns the step as a mismatch shows it.
func (s Step) String() string {
	var b strings.Builder
	b.WriteString(opNames[s.Op])
	switch s.Op {
	case OpSet:
		fmt.Fprintf(&b, " ctx%d key%d fd %d data %d", s.Ctx, s.Key, s.Value, s.Data)
		b.WriteString([...]string{"", ", plain cleanup", ", acting cleanup"}[s.Variant])
	case OpGet, OpClear:
		fmt.Fprintf(&b, " ctx%d key%d", s.Ctx, s.Key)
	case OpChanged:
		fmt.Fprintf(&b, " ctx%d lists %02b", s.Ctx, s.Variant)
	case OpSetCallback:
		fmt.Fprintf(&b, " ctx%d function %d arg %d", s.Ctx, s.Variant, s.Data)
	case OpSetStatus:
		fmt.Fprintf(&b, " ctx%d %d", s.Ctx, s.Value)
	case OpNew, OpFree, OpAll, OpCallback, OpStatus:
		fmt.Fprintf(&b, " ctx%d", s.Ctx)
	case OpInit:
		fmt.Fprintf(&b, " max %d init %d", s.initMax(), s.Data)
	case OpStart:
		fmt.Fprintf(&b, " job%d", s.Key)
		if s.Ctx == noCtx {
			b.WriteString(" without ctx")
		} else {
			fmt.Fprintf(&b, " on ctx%d", s.Ctx)
		}
		switch s.Variant {
		case bodyPause:
			b.WriteString(", which pauses once")
		case bodyCapable:
			b.WriteString(", which calls is_capable")
		case bodyNumber:
			fmt.Fprintf(&b, ", which returns %d, with %d bytes more", s.Value, s.Data)
		case bodyNull:
			b.WriteString([...]string{", with an address of 0 bytes", ", with NULL of some bytes", ", with NULL of 0 bytes"}[s.Value])
		}
	case OpResume, OpWaitCtx:
		fmt.Fprintf(&b, " job%d", s.Key)
	case OpReturn:
		fmt.Fprintf(&b, " %d", s.Value)
	}
	return b.String()
}
