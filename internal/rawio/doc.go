// Package rawio reads and writes non-blocking fds without telling Go's scheduler, on Linux. There is
// nothing to tell, because such a call never waits. Telling costs: a system call of a program that
// was idle wakes the runtime's monitor, a thread that then looks every 20 us whether a call has
// blocked. That took an eighth of the time of an event loop with one processor, and a quarter of the
// CPU time of a program that waits for helper processes.
package rawio
