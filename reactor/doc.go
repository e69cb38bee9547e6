// Package reactor is an event loop for jobs (package async) and for the sockets beside them.
//
// One goroutine drives thousands of sessions: it starts jobs, and when an engine has an operation done the loop calls the
// session's function, which resumes the job.
//
//	loop, err := reactor.New(reactor.Options{})
//	watch, err := loop.Add(&session, func() { outcome, err = job.Resume() })
//	job, outcome, err = pool.Start(&session, fn)
//	err = loop.Run(ctx)
//
// # When to use it
//
// When one goroutine, or one for each core, is to do what a goroutine for each connection would: because there are
// 100,000 connections, or because established ones are not to wait behind handshakes. A program that has a loop of its
// own needs no second one: it sets a callback, or watches the session's fds itself. One that has a goroutine for each
// connection needs none.
//
// Several loops are independent; a session stays with its loop. Functions run on the loop's goroutine one at a time, so
// that what belongs to a loop needs no locks; and one that blocks, blocks the loop. [Loop.Post] is how other goroutines
// reach it.
//
// # Sources of events
//
//   - [Loop.Add]: a wait context, by its callback. This is the cheap way: an engine's worker puts the session on a list, and
//     interrupts the loop's sleep only if it sleeps. No fd, no allocation, no system call of the loop's own.
//   - [Loop.AddFDs]: a wait context by its fds, for engines that know no callbacks, as in OpenSSL.
//   - [Loop.Watch]: anything else that another goroutine has to tell.
//   - [Loop.Socket]: a socket or pipe, edge-triggered.
//   - [Loop.Post], [Loop.Low], [Loop.After]: functions to run next, when nothing else is to do, or at a time.
//
// # Systems
//
// On Linux the loop is an epoll instance inside Go's own poller: while it has nothing to do its goroutine is parked, and
// holds no thread and no P. On macOS and the BSDs it waits in kevent, in a thread of its own as any blocking call; that
// side is compiled and vetted, but not yet tried. Elsewhere New returns an error.
//
// OpenSSL has no counterpart: there the application brings the loop.
package reactor
