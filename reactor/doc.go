// Package reactor is an event loop for jobs (package [asynccrypto/async]) and for sockets.
//
// One goroutine drives thousands of sessions: it starts their jobs. When an engine has completed
// an operation, the loop calls the session's function, which resumes the job.
//
//	loop, err := reactor.New(reactor.Options{})
//	watch, err := loop.Add(&session, func() { outcome, err = job.Resume() })
//	job, outcome, err = pool.Start(&session, fn)
//	err = loop.Run(ctx)
//
// # When to use it
//
// Use a loop when one goroutine, or one for each core, should serve all connections, instead of a
// goroutine for each connection: because there are 100,000 connections, or because established
// connections should not wait behind handshakes. A program that has an event loop already needs no
// second one: it sets a callback, or watches the session's fds itself. A program with a goroutine
// for each connection needs no loop.
//
// Loops are independent of each other, and a session stays with its loop. A loop calls functions
// on its goroutine, one at a time, so data that only these functions use needs no locks. A
// function that blocks stops the whole loop. Other goroutines hand functions to the loop by
// [Loop.Post].
//
// # Sources of events
//
//   - [Loop.Add]: a wait context, by its callback. This is the cheapest way: an engine's worker
//     puts the session on a list, and interrupts the loop only if the loop sleeps. A wake takes no
//     fd, no allocation, and no system call of the loop.
//   - [Loop.AddFDs]: a wait context by its fds, for engines that do not support callbacks, as in
//     OpenSSL.
//   - [Loop.Watch]: any other event that another goroutine reports.
//   - [Loop.Socket]: a socket or pipe, edge-triggered.
//   - [Loop.Post], [Loop.Low], [Loop.After]: functions to run in the next turn, after everything
//     else, or at a certain time.
//
// # Systems
//
// On Linux the loop is an epoll instance inside Go's own poller. While it has nothing to do its
// goroutine is parked, and holds no thread and no P. On macOS and the BSDs the loop waits in
// kevent and, like any blocking call, occupies a thread; that code is compiled and vetted, but has
// not been run yet. On other systems [New] returns an error.
//
// OpenSSL has no counterpart: there the application provides the loop.
package reactor
