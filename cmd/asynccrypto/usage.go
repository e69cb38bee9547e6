package main

const mainUsage = `Cryptographic operations as asynchronous jobs: start one, do other work, resume it when the engine has the result.

Usage:
    asynccrypto speed [options] [algorithm...]      measure engines beside direct calls
    asynccrypto sign -key KEY.pem [options] FILE... sign files, thousands at once
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
    -seconds N         for each measurement (default what makes all of them take 15 seconds, and 1 at most)
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
    AVX-512 IFMA: yes (can compute eight RSA operations at a time; the standard library does not use it)

    RSA-3072 signatures/s for each core: 397 directly, 375 through the engine "workers" with 64 jobs (0.94 times)
    The engine "workers" computes with the same standard library as the direct calls, and without AVX-512 IFMA:
    there is no gain in speed here. It gives a bounded queue, and one goroutine that drives many jobs.
    Verified, off the clock: all 3,268 results; none was wrong.

                       | called directly           | engine workers, on the same 2 cores
    algorithm          |   per sec     p50     p99 | jobs   per sec     p50     p99 batch  times
    rsa3072    sign    |       795 2.30 ms 3.55 ms |   64       749 80.5 ms  101 ms   1.0   0.94
    rsa3072    decrypt |       835 2.22 ms 4.14 ms |   64       807 70.5 ms  101 ms   1.0   0.97
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
