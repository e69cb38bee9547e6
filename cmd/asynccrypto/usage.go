package main

const mainUsage = `Cryptographic operations as asynchronous jobs: start one, do other work, resume it when the engine has the result.

Usage:
    asynccrypto speed [options] [algorithm...]      measure engines beside direct calls
    asynccrypto sign -key KEY.pem [options] FILE... sign files, thousands at once
    asynccrypto serve [options]                     serve files over HTTPS, or TLS before a plain backend
    asynccrypto handshakes [options] ADDR           measure TLS handshakes with a server
    asynccrypto engines                             what engines there are, and what they can do here

Each command explains itself with -h. Keys are PEM files as openssl writes them, not encrypted.

The exit status is 0 when all went well, 1 when something failed, 2 when what was given makes no sense, and 128 plus
the number of the signal when one stopped the command.

Example:
    $ openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:3072 -out key.pem
    $ openssl pkey -in key.pem -pubout -out pub.pem
    $ asynccrypto sign -key key.pem a.txt b.txt
    signed 2 of 2 files in 7.69 ms
    $ openssl dgst -sha256 -verify pub.pem -signature a.txt.sig a.txt
    Verified OK
`

const speedUsage = `Measure cryptographic operations, called directly in the Go standard library and as jobs through an engine.

Usage:
    asynccrypto speed [options] [algorithm...]

Algorithms, by openssl's names; all of them if none is named:
    rsa2048 rsa3072 rsa4096        sign (PKCS #1 v1.5), decrypt (OAEP)
    ecdsap256 ecdsap384 ed25519    sign
    ecdhx25519                     derive

Options:
    -async-jobs LIST   numbers of jobs to keep in flight, one measurement for each (default 1,8,64)
    -engine NAME       the engine (default the best that runs here; "asynccrypto engines" lists them)
    -seconds N         for each measurement (default 15 seconds shared among all measurements, 1 second each at most)
    -key FILE.pem      measure this private key, and not fresh ones: RSA of any size, ECDSA, Ed25519, X25519
    -json              write an array of objects, one for each measurement, and no table
    -plot FILE.svg     also draw operations per second, and p99, against the number of jobs

A job is one operation on an input of its own. One goroutine starts the jobs, and resumes each when the engine has
called back. Latency runs from the start of a job to its end, so it includes the time in the engine's queue: with more
jobs in flight than cores it grows with their number. The direct calls are made by a goroutine for each core. The table:
    per sec    operations per second, on all cores together
    p50, p99   latency that half, and 99 of 100, of the operations kept within
    batch      how many operations the engine took at once, on average
    times      the engine's operations per second, as a multiple of the direct calls'
Results are kept, at random when there are many, and verified with the public key when the clock has stopped; one that
is wrong ends the command with status 1.

In the output of -json, engine "std" with async_jobs 0 stands for the direct calls. Times are in nanoseconds.

Example:
    $ asynccrypto speed -key key.pem -async-jobs 64
    go1.26.8 on linux/amd64, using 2 of 2 cores (GOMAXPROCS)
    BMI2 and ADX: yes (the standard library's RSA is faster with them)
    AVX-512 IFMA: yes (with it eight RSA operations can be computed at a time; the standard library does not use it)

    RSA-3072 signatures/s for each core: 429 directly, 4,851 through the engine "multibuffer" with 64 jobs (11.31 times)
    The engine "multibuffer" signs eight at a time with RSA-2048, RSA-3072 and RSA-4096, on AVX-512 IFMA.
    Everything else it leaves to the standard library of the direct calls: there is no gain in speed there.
    Verified, off the clock: 10,907 of 12,423 results, chosen at random; none was wrong.

                       | called directly           | engine multibuffer, on the same 2 cores
    algorithm          |   per sec     p50     p99 | jobs   per sec     p50     p99 batch  times
    rsa3072    sign    |       858 2.29 ms 3.06 ms |   64     9,702 5.85 ms 11.5 ms   7.9  11.31
    rsa3072    decrypt |       898 2.19 ms 2.88 ms |   64       899 60.4 ms 81.0 ms   1.0   1.00
`

const signUsage = `Sign files as jobs, thousands at once, however large they are.

Usage:
    asynccrypto sign -key KEY.pem [-hash NAME] [-pss] [-out DIR] FILE...

Options:
    -key KEY.pem   the private key: RSA or ECDSA, not encrypted
    -hash NAME     sha256 (the default), sha384 or sha512
    -pss           RSA-PSS with a salt as long as the hash, and not PKCS #1 v1.5
    -out DIR       where the signatures go (default beside the files)

The signature of FILE is FILE.sig, replaced if it is there. It is written under a temporary name and renamed, so that no
half signature is ever seen; a command that is interrupted removes its temporary files (.asynccrypto-*.tmp) and leaves
the signatures that are done. A file that can't be read is reported, the others are signed, and the exit status is 1.

Ed25519 keys are refused: they sign no digest, so that each file would have to be in memory as a whole, and "openssl
dgst" can't verify them.

Example:
    $ ls
    a.txt  b.txt  key.pem  pub.pem  sigs
    $ asynccrypto sign -key key.pem -pss -out sigs a.txt b.txt c.txt
    asynccrypto sign: c.txt: no such file or directory
    asynccrypto sign: signed 2 of 3 files
    $ openssl dgst -sha256 -verify pub.pem -sigopt rsa_padding_mode:pss -signature sigs/a.txt.sig a.txt
    Verified OK
`

const enginesUsage = `List the engines, what each can do on this machine or why it can't, and what the processor has.

Usage:
    asynccrypto engines
`
