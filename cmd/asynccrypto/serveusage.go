package main

const serveUsage = `Serve TLS: files over HTTPS, or a plain backend behind it.

Usage:
    asynccrypto serve [options] -root DIR      the files in DIR, over HTTP/2 and HTTP/1.1
    asynccrypto serve [options] -proxy ADDR    whatever speaks TCP at ADDR: HOST:PORT or unix:PATH
    asynccrypto serve [options]                a page that says what the connection has negotiated

Options:
    -addr HOST:PORT     where to listen (default :8443, on all addresses; port 0 for any that is free)
    -cert FILE.pem      the certificate, and its issuers after it (default a throw-away one, made in memory)
    -key FILE.pem       its private key, not encrypted (default in the certificate's file)
    -client-ca FILE.pem admit only clients with a certificate that one of these has issued
    -tls 1.2|1.3        only this version (default both)
    -engine NAME        multibuffer, workers or none (default as for speed); with none crypto/tls signs by itself
    -workers N          operations, or batches of eight, that the engine computes at once (default one for each core)
    -nice N             how much lower the priority of the workers' threads is, on Linux (default 10; 0 for none)
    -metrics ADDR       figures for Prometheus, by plain HTTP at http://ADDR/metrics
    -idle TIME          close a connection after so long without a byte (default 5m)
    -grace TIME         how long connections may take to end once the command is told to stop (default 30s)

With -proxy:
    -loops N            event loops, each with its share of the connections (default one for each core)
    -max-handshakes N   handshakes under way; further ones wait (default 1000)
    -dial-timeout TIME  for a connection to the backend (default 5s)

A TIME is such as 90s, 5m or 1h; a number alone is seconds.

-root hides what begins with a dot, but .well-known, and what symbolic links find outside DIR. -proxy passes on bytes as
they are, and each end of a direction as what it is; when the backend can't be reached the client's connection is closed.
The backend's name is looked up once.

A storm of new connections is not to slow down the open ones. That takes three things, all by default: signatures are
computed by a bounded number of workers; their threads have a low priority; and GOMAXPROCS is one more than all workers
and loops together (with -proxy) or than the workers (without), so that there is always a processor of Go's that is not
theirs. What the environment says in GOMAXPROCS goes before. Fewer workers, such as -workers 1, leave more to the rest.

SIGTERM or SIGINT stops accepting, lets connections end by themselves for -grace, and then closes what is left: the exit
status is 0 if there was nothing left, else 1. A second one ends at once. SIGHUP reads -cert and -key again.

The log goes to stderr. Each handshake, connection and backend that fails is a line with its peer and its cause; of those
with the same cause five in ten seconds are, and then how many more there were.

Example:
    $ asynccrypto serve -cert cert.pem -key key.pem -proxy localhost:8080 &
    2026-11-23 04:18:21 certificate cert.pem: CN=localhost, RSA-2048, until 2026-12-23
    2026-11-23 04:18:21 engine multibuffer, 2 workers at nice 10: RSA-2048 signatures up to eight at a time, on AVX-512 IFMA
    2026-11-23 04:18:21 proxy to localhost:8080; 2 event loops, 1,000 handshakes at a time, GOMAXPROCS 5
    2026-11-23 04:18:21 listening on [::]:8443 (https://localhost:8443/)
    $ curl --cacert cert.pem https://localhost:8443/
    $ kill %1
    2026-11-23 04:18:26 terminated: accepting no more; up to 30s for 0 open connections to end, and a second signal ends at once
    2026-11-23 04:18:26 all connections have ended
`
