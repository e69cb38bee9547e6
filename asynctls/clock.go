package asynctls

import "time"

// epoch is the time from which connections count: a Duration takes a third of a Time's memory.
var epoch = time.Now()

func sinceEpoch() time.Duration { return time.Since(epoch) }
