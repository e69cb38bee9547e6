// Package reactor is an event loop for jobs (package async) and for the sockets beside them.
//
// One goroutine drives thousands of sessions. It starts jobs, and when an engine has completed an
// operation the loop calls the session's function, which resumes the job.
//
//	loop, err := reactor.New(reactor.Options{})
//	watch, err := loop.Add(&session, func() { outcome, err = job.Resume() })
//	job, outcome, err = pool.Start(&session, fn)
//	err = loop.Run(ctx)
//
// # When to use it
//
// Use a loop when one goroutine, or one for each core, should do the work of a goroutine for each
// connection: because there are 100,000 connections, or because established connections should not
// wait behind handshakes. A program that has a loop of its own needs no second one: it sets a
// callback, or watches the session's fds itself. A program that has a goroutine for each
// connection needs no loop.
//
// Several loops are independent, and a session stays with its loop. Functions run on the loop's
// goroutine one at a time, so the data of a loop needs no locks. A function that blocks, blocks
// the loop. Other goroutines reach the loop by [Loop.Post].
//
// # Sources of events
//
//   - [Loop.Add]: a wait context, by its callback. This is the cheap way: an engine's worker
//     puts the session on a list, and interrupts the loop only if it sleeps. It takes no fd, no
//     allocation, and no system call of the loop's own.
//   - [Loop.AddFDs]: a wait context by its fds, for engines that do not support callbacks, as in
//     OpenSSL.
//   - [Loop.Watch]: anything else that another goroutine has to report.
//   - [Loop.Socket]: a socket or pipe, edge-triggered.
//   - [Loop.Post], [Loop.Low], [Loop.After]: functions to run next, when there is nothing else
//     to do, or at a time.
//
// # Systems
//
// On Linux the loop is an epoll instance inside Go's own poller. While it has nothing to do its
// goroutine is parked, and holds no thread and no P. On macOS and the BSDs it waits in kevent, in
// a thread of its own like any blocking call; that code is compiled and vetted, but not yet tried.
// Elsewhere [New] returns an error.
//
// OpenSSL has no counterpart: there the application brings the loop.
package reactor
