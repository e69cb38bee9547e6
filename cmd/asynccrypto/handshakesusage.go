package main

const handshakesUsage = `Measure TLS handshakes with a server: how many there are per second, and how long each takes.

Usage:
    asynccrypto handshakes [options] ADDR

ADDR is HOST:PORT, HOST (port 443) or unix:PATH.

How much:
    -seconds N        for so long (default 5)
    -count N          so many handshakes, and not for a time
    -concurrency N    so many connections at a time (default 16; -c for short)
    -rate N           begin at most so many per second, evenly (default as many as they go)
    -timeout N        seconds for a connection, and again for its handshake (default 10)
    -resume           resumed handshakes, and not full ones
    -json             write an object, and no text

What the client offers and accepts:
    -tls 1.2|1.3      only this version (default both)
    -curve NAME       only this key exchange: X25519, P-256, P-384, P-521, X25519MLKEM768, SecP256r1MLKEM768,
                      SecP384r1MLKEM1024 (default Go's choice); in TLS 1.2 many servers want an ECDSA certificate
                      to be on it too
    -cipher NAME      only this one, in TLS 1.2, by a name such as TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
    -alpn LIST        protocols, such as h2,http/1.1
    -servername NAME  the name to ask for, and to expect in the certificate (default HOST; localhost for unix:PATH)
    -ca FILE.pem      trust these certificates (default the system's)
    -insecure         accept any certificate
    -cert FILE.pem    a client certificate, sent if the server asks for one
    -key FILE.pem     its private key (default in the certificate's file)

A connection is TCP, the handshake, the client's close_notify, and whatever the server still sends, up to the end of its
stream, for which it has a second. No application data is sent. A handshake that the server answers with an alert has
failed, also if the alert comes after the client has finished, as in TLS 1.3 that about a client certificate does. Then
the worker begins its next connection; after a failure it waits 10 ms.

    handshake    latency from the ClientHello until the client has finished (in TLS 1.3 the server has a little to do then)
    dial         latency of the connection before that; HOST is looked up once, and one address is measured
    per second   handshakes that succeeded, by the time that was given, or longer if the last took longer

Latencies are within 1%, the maximum is exact. A first handshake is made on trial and not counted; if it fails, the
command ends. What is under way when the time is up is finished, what is under way when a signal stops the command is
not counted.

With -resume each worker has its own session tickets. It gets one by a full handshake before the clock starts, and
then uses the newest it has. Handshakes that the server did not resume are counted, and are in no other figure. Without
-resume no session is offered and no ticket asked for.

In the object of -json times are in nanoseconds, and "per_sec", "handshake" and "negotiated" are about the kind of
handshake that was asked for.

The client computes too, on the cores that GOMAXPROCS allows it. When it is the limit the report says so.

The exit status is 1 if there was no handshake of the kind asked for, and 0 if there was any, whatever else failed.

Example:
    $ openssl s_server -accept 4433 -www -cert cert.pem -key key.pem &
    $ asynccrypto handshakes -ca cert.pem -resume -seconds 1 localhost:4433
    127.0.0.1:4433, as localhost: TLS 1.3, TLS_AES_128_GCM_SHA256, X25519, RSA-2048 certificate
    2,164 resumed handshakes in 1.01 s, 16 at a time: 2,151 per second; 0 failed
    All handshakes that succeeded were resumed.

                   p50     p90     p99     max
    handshake  7.03 ms 8.75 ms 10.6 ms 11.8 ms
    dial       33.4 us 62.1 us  252 us 2.64 ms

    Client CPU: 405 us for each handshake, 44% of 2 cores.
    The server is on this machine: client and server share its cores.
`
