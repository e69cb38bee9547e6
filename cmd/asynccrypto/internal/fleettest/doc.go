// Package fleettest has the tests of the command keyserver as its users run it: processes that are
// killed, stopped, slow and restarted while clients sign and servers do handshakes.
package fleettest
