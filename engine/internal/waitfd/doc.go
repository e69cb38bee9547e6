// Package waitfd provides the descriptor through which an engine wakes an event loop: an eventfd
// on Linux, a pipe on other Unix systems, an event object on Windows.
//
// An [FD] is signaled or not, and starts as not signaled. Signal and Clear must alternate,
// beginning with Signal; the caller's lock sees to that. After Close neither may be called,
// because the number may belong to another file by then.
package waitfd
