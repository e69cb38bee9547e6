// Command bench measures this project beside libcrypto, in one run and on one machine, for only such figures compare:
//
//	go run ./bench              the facility: jobs and wait contexts
//	go run ./bench reactor      waking jobs on one event loop, beside epoll in C
//	go run ./bench sign         RSA signatures, beside crypto/rsa and openssl; with flags beside Node's OpenSSL and crypto_mb
//	go run ./bench tls          TLS servers, beside crypto/tls, net/http and nginx
//	go run ./bench cabi         the same calls in C, through libasync
//	go run ./bench -quick       a first idea in a few seconds
//	go run ./bench -json        every round's figures, for a program to read
//
// libcrypto's side is a C program, kept in the folder libcrypto and compiled on the spot. Our side is the in-package
// benchmarks themselves (go test -bench, of a test binary built once), so that what is compared is what users and
// contributors measure, through the public API. The two sides take turns, round by round, pinned to one CPU where the
// system permits that; a ratio is always that of two measurements a moment apart. What a machine does to both alike, a
// clock that changes or a neighbour that wakes, falls out of the ratio; the spread says what did not.
//
// The servers of tls and their clients are this program again, each in a process and on a CPU of its own. What the system
// says that a server has computed is the first figure: clients may be the limit of what is done in a second.
//
// A sub-benchmark is one file with a function of the type in main.go, and a line in commands.
package main
