// Command bench measures this project beside libcrypto and other libraries and servers, in one
// run and on one machine, as only such figures compare:
//
//	go run ./bench              the facility: jobs and wait contexts
//	go run ./bench reactor      waking jobs on one event loop, beside epoll in C
//	go run ./bench sign         RSA signatures, beside crypto/rsa and openssl, Node's OpenSSL and crypto_mb
//	go run ./bench tls          TLS servers, beside crypto/tls, net/http and nginx
//	go run ./bench cabi         the same calls in C, through libasync
//	go run ./bench timing       statistical tests of time: does it depend on a secret?
//	go run ./bench tables       docs/benchmarks.md, from the results that -save has kept
//
// Each subject is a package; package harness has everything that they share, and says how they
// measure.
package main

import (
	"asynccrypto/bench/internal/cabi"
	"asynccrypto/bench/internal/facility"
	"asynccrypto/bench/internal/harness"
	"asynccrypto/bench/internal/reactor"
	"asynccrypto/bench/internal/sign"
	"asynccrypto/bench/internal/tables"
	"asynccrypto/bench/internal/timing"
	"asynccrypto/bench/internal/tls"
)

func main() { program().Main() }

func program() harness.Program {
	return harness.Program{
		Name: "go run ./bench",
		About: `Measures this project beside others in one run, in turns, and prints medians, comparisons with
their spread, and whether each goal was met. A comparison is of two measurements a moment apart,
and says how many times as fast ours is: above 1 ours is better.`,
		Subjects: []harness.Subject{
			facility.Subject(), reactor.Subject(), sign.Subject(), tls.Subject(), cabi.Subject(), timing.Subject(),
		},
		Commands: []harness.Command{tables.Command(sections)},
	}
}

// sections are those of docs/benchmarks.md.
var sections = []tables.Section{
	{Subject: "sign", Title: "Signatures", About: `RSA signatures through the engine multibuffer, and all other operations that it may do, beside the standard
library, openssl and other libraries ([plot](sign.svg)).`},
	{Subject: "tls", Title: "TLS servers", About: `Full handshakes, small echoes during a storm of handshakes, and idle connections. Goroutine each, std keys, is
crypto/tls as everybody uses it.`},
	{Subject: "facility", Title: "Jobs and wait contexts", About: `Package async beside OpenSSL's ASYNC_JOB and ASYNC_WAIT_CTX, called from C.`},
	{Subject: "reactor", Title: "Waking jobs", About: `Jobs that one event loop resumes, beside an event loop in C with an eventfd for each job.`},
	{Subject: "cabi", Title: "The C library", About: `libasync beside OpenSSL's own facility: the same C program, linked with either.`},
	{Subject: "timing", Title: "Tests of time", About: `Statistical tests that a signature's time does not depend on a secret.`},
}
