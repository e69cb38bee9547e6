// Package reactor is an event loop for jobs and for the sockets beside them.
package reactor
