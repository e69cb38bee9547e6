#!/bin/bash
# OpenSSL: while the thread's job pool is full, bytes that are already decrypted can't be read.
#
# Software    OpenSSL 3.0.22 (Debian's libssl3 3.0.22-1~deb12u2), SSL_MODE_ASYNC,
#             ASYNC_init_thread
# Best guess  a full pool delays new private-key operations; a connection that has plaintext
#             waiting needs no job to hand it out
# Seen        SSL_pending says 6 bytes, and SSL_read and SSL_write fail with
#             SSL_ERROR_WANT_ASYNC_JOB because a handshake of another connection holds the only
#             job. Every call takes a job first, before libssl knows whether there is anything to
#             wait for.
# Matters to  event loops: handshakes that fill the pool stop connections that have long finished
#             theirs, and the loop is not told, for the bytes have left the socket.
source "$(dirname "$0")/common.bash"
debian libssl3=3.0.22-1~deb12u2 libssl-dev=3.0.22-1~deb12u2

cat >program.c <<'END'
#include "pair.h"

int main(void)
{
    SSL *server, *client, *other_server, *other_client;
    char in[64];
    int n;

    printf("OpenSSL %s\n", OpenSSL_version(OPENSSL_VERSION_STRING));
    must(ASYNC_init_thread(1, 0), "ASYNC_init_thread");
    make_pair(&server, &client);
    make_pair(&other_server, &other_client);
    handshake(server, client);
    must(SSL_write(client, "0123456789", 10) == 10, "the client's write");
    n = SSL_read(server, in, 4);
    printf("established: read %d, %d pending\n", n, SSL_pending(server));

    pause_at = SSL3_RT_HANDSHAKE;
    SSL_do_handshake(other_client);
    n = SSL_do_handshake(other_server);
    printf("other connection's handshake: %s\n", outcome(other_server, n));

    n = SSL_read(server, in, 4);
    printf("established: read %d, %s, %d pending\n", n, outcome(server, n), SSL_pending(server));
    n = SSL_write(server, "answer", 6);
    printf("established: write %d, %s\n", n, outcome(server, n));

    handshake(other_server, other_client);
    n = SSL_read(server, in, 4);
    printf("established, job given back: read %d, %d pending\n", n, SSL_pending(server));
    return 0;
}
END
openssl_program program.c
./program >seen

expect "with every job of the pool in use, SSL_read returns none of the bytes that SSL_pending counts" <<'END'
OpenSSL 3.0.22
established: read 4, 6 pending
other connection's handshake: SSL_ERROR_WANT_ASYNC
established: read -1, SSL_ERROR_WANT_ASYNC_JOB, 6 pending
established: write -1, SSL_ERROR_WANT_ASYNC_JOB
established, job given back: read 4, 2 pending
END
