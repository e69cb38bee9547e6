// Command bench measures this project beside libcrypto and other libraries and servers, in one run and on one machine, as
// only such figures compare:
//
//	go run ./bench              the facility: jobs and wait contexts
//	go run ./bench reactor      waking jobs on one event loop, beside epoll in C
//	go run ./bench sign         RSA signatures, beside crypto/rsa and openssl, Node's OpenSSL and crypto_mb
//	go run ./bench tls          TLS servers, beside crypto/tls, net/http and nginx
//	go run ./bench cabi         the same calls in C, through libasync
//
// Each subject is a package; package harness has everything that they share, and says how they measure.
package main

import (
	"asynccrypto/bench/internal/cabi"
	"asynccrypto/bench/internal/facility"
	"asynccrypto/bench/internal/harness"
	"asynccrypto/bench/internal/reactor"
	"asynccrypto/bench/internal/sign"
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
			facility.Subject(), reactor.Subject(), sign.Subject(), tls.Subject(), cabi.Subject(),
		},
	}
}
