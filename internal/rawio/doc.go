// Package rawio reads and writes non-blocking fds without telling Go's scheduler, on Linux. There is
// nothing to tell, because such a call never waits. Telling costs: a system call of a program that
// was idle wakes the runtime's monitor, a thread that then looks every 20 us whether a call has
// blocked. That took an eighth of the time of an event loop with one processor, a quarter of the CPU
// time of a program that waits for helper processes, and a tenth of that of a key server that signs now
// and then: the monitor interrupts the signature.
package rawio
