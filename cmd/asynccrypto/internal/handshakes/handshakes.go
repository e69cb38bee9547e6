// Package handshakes is the command asynccrypto handshakes.
package handshakes

import (
	"context"
	"fmt"

	"asynccrypto/cmd/asynccrypto/internal/cli"
	"asynccrypto/internal/measure"
)

// Command measures TLS handshakes.
var Command = &cli.Command{
	Name:      "handshakes",
	Short:     "Measure TLS handshakes with a server: how many per second, and how long each takes",
	Usage:     "[options] ADDR",
	Arguments: "ADDR is HOST:PORT, HOST (port 443) or unix:PATH.",
	Setup: func(f *cli.Flags) cli.Run {
		o := newOptions(f)
		return func(args []string, std cli.Stdio) error { return run(o, f, args, std) }
	},
	Long: `
A connection consists of TCP, the handshake, the client's close_notify, and the data that the server
still sends until it ends the stream, for at most a second. No application data is sent. A handshake
that the server answers with an alert has failed, even if the alert comes after the client has
finished: in TLS 1.3 an alert about a client certificate does. Then the worker begins its next
connection; after a failure it waits 10 ms.

    handshake    latency from the ClientHello until the client has finished (in TLS 1.3 the server
                 still has a little to do then)
    dial         latency of the connection before that; HOST is looked up once, and one address is
                 measured
    per second   successful handshakes, divided by the time given, or by the time until the last
                 success if that is longer

Latencies are accurate to 1%; the maximum is exact. A first handshake is a trial and is not counted; if it
fails, the command ends. Handshakes in progress when the time is up are finished. Handshakes in
progress when a signal stops the command are not counted.

With -resume each worker has its own session tickets. It gets one by a full handshake before the
clock starts, and then uses the newest it has. Handshakes that the server did not resume are counted,
and are in no other figure. Without -resume no session is offered and no ticket requested.

In the object of -json times are in nanoseconds, and "per_sec", "handshake" and "negotiated" describe
the requested kind of handshake.

The client uses the processor too, on as many cores as GOMAXPROCS allows. The report says so when the
client, not the server, is the limit.

The exit status is 0 if any handshake of the requested kind succeeded, whatever else failed, and
otherwise 1.
`,
	Example: `
$ openssl s_server -accept 4433 -www -cert cert.pem -key key.pem &
$ asynccrypto handshakes -ca cert.pem -resume -time 1s localhost:4433
127.0.0.1:4433, as localhost: TLS 1.3, TLS_AES_128_GCM_SHA256, X25519, RSA-2048 certificate
2,164 resumed handshakes in 1.01 s, 16 at a time: 2,151 per second; 0 failed
All handshakes that succeeded were resumed.

               p50     p90     p99     max
handshake  7.03 ms 8.75 ms 10.6 ms 11.8 ms
dial       33.4 us 62.1 us  252 us 2.64 ms

Client CPU: 405 us for each handshake, 44% of 2 cores.
The server is on this machine: client and server share its cores.
`,
}

func run(o *options, f *cli.Flags, args []string, std cli.Stdio) error {
	server, err := o.check(f, args)
	if err != nil {
		return err
	}
	config, err := o.offer.config(server)
	if err != nil {
		return err
	}
	ctx, stop := cli.Interruptible()
	defer stop()
	p := measure.NewProgress(std.Err)
	defer p.Clear()
	l := newLoad(o, server, config)
	if err := l.prepare(ctx, p); err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("%w: nothing had been measured yet", context.Cause(ctx))
		}
		return fmt.Errorf("%s: %w", args[0], err)
	}
	l.run(ctx, p)
	p.Clear()
	r := newReport(l)
	if o.json {
		err = r.writeJSON(std.Out)
	} else {
		err = r.writeText(std.Out)
	}
	if err != nil {
		return err
	}
	if ctx.Err() != nil {
		return fmt.Errorf("%w: what was measured until then is reported", context.Cause(ctx))
	}
	return r.verdict()
}
