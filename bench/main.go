// Command bench measures this project beside libcrypto and other libraries and servers, in one
// run and on one machine, as only such figures compare:
//
//	go run ./bench              the facility: jobs and wait contexts
//	go run ./bench reactor      waking jobs on one event loop, beside epoll in C
//	go run ./bench sign         signatures and key agreements, beside the standard library, openssl, Node's and crypto_mb
//	go run ./bench verify       verifications, beside the standard library and crypto_mb
//	go run ./bench tls          TLS servers, beside crypto/tls, net/http and nginx
//	go run ./bench pkcs11       keys on a token and outages, beside crypto11 and miekg/pkcs11
//	go run ./bench keys         keys in key servers and outages, beside the local engine and gRPC calls
//	go run ./bench provider     HAProxy and nginx, plain and with their keys in a key server
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
	"asynccrypto/bench/internal/keys"
	"asynccrypto/bench/internal/pkcs11"
	"asynccrypto/bench/internal/provider"
	"asynccrypto/bench/internal/reactor"
	"asynccrypto/bench/internal/sign"
	"asynccrypto/bench/internal/tables"
	"asynccrypto/bench/internal/timing"
	"asynccrypto/bench/internal/tls"
	"asynccrypto/bench/internal/verify"
)

func main() { program().Main() }

func program() harness.Program {
	return harness.Program{
		Name: "go run ./bench",
		About: `Measures this project beside others in one run, in turns, and prints medians, comparisons with
their spread, and whether each goal was met. A comparison is of two measurements a moment apart,
and says how many times as fast ours is: above 1 ours is better.`,
		Subjects: []harness.Subject{
			facility.Subject(), reactor.Subject(), sign.Subject(), verify.Subject(), tls.Subject(), pkcs11.Subject(), keys.Subject(), provider.Subject(), cabi.Subject(), timing.Subject(),
		},
		Commands: []harness.Command{tables.Command(sections)},
	}
}

// sections are those of docs/benchmarks.md.
var sections = []tables.Section{
	{Subject: "sign", Title: "Signatures", About: `RSA signatures through the engine multibuffer, and all other operations that it may do, beside the standard
library, openssl and other libraries ([plot](sign.svg)).`},
	{Subject: "verify", Title: "Verifications", About: `Signatures verified through the engine multibuffer, with keys that were prepared and with any key, beside the
standard library; and the kernels, eight at a time, beside Intel's crypto_mb.`},
	{Subject: "tls", Title: "TLS servers", About: `Full handshakes, small echoes during a storm of handshakes, and idle connections. Goroutine each, std keys, is
crypto/tls as everybody uses it.`},
	{Subject: "pkcs11", Title: "Keys on a token", About: `The engine for HSMs and tokens beside crypto11 and miekg/pkcs11, which load the module into the process and
need cgo. The token is SoftHSM behind a module that makes it as slow as an HSM.`},
	{Subject: "keys", Title: "Keys in key servers", About: `Keys that key servers hold, beside the engine in the caller's own process and beside a call of gRPC
for each signature; and the errors and the latency that callers see when one of two servers is killed,
stopped or slow.`},
	{Subject: "provider", Title: "The OpenSSL provider", About: `HAProxy and nginx, as they are installed, beside the same programs with the provider and their keys in
a key server on the same core. A comparison counts the CPU time of both.`},
	{Subject: "facility", Title: "Jobs and wait contexts", About: `Package async beside OpenSSL's ASYNC_JOB and ASYNC_WAIT_CTX, called from C.`},
	{Subject: "reactor", Title: "Waking jobs", About: `Jobs that one event loop resumes, beside an event loop in C with an eventfd for each job.`},
	{Subject: "cabi", Title: "The C library", About: `libasync beside OpenSSL's own facility: the same C program, linked with either.`},
	{Subject: "timing", Title: "Tests of time", About: `Statistical tests that the time of an operation does not depend on a secret.`},
}
