#!/bin/bash
# OpenSSL: an SSL_write while an SSL_read is paused sends nothing and reports the read's bytes.
#
# Software    OpenSSL 3.0.22 (Debian's libssl3 3.0.22-1~deb12u2), SSL_MODE_ASYNC
# Best guess  TLS is full duplex: the write goes out, or it fails and names the paused read
# Seen        SSL_write of 21 bytes returns 17. It has resumed the read instead: the 17 bytes
#             that the client sent are in the buffer of the earlier SSL_read, and the client
#             receives nothing. A connection has one job, whatever the call.
# Matters to  servers that push data while they read. The manual asks for the same call again
#             after SSL_ERROR_WANT_ASYNC, but a call that breaks the rule looks like a short
#             write: the server writes the rest, and the peer gets the last 4 bytes of 21.
source "$(dirname "$0")/common.bash"
debian libssl3=3.0.22-1~deb12u2 libssl-dev=3.0.22-1~deb12u2

cat >program.c <<'END'
#include "pair.h"

int main(void)
{
    SSL *server, *client;
    char in[64] = "", got[64];
    int n;

    printf("OpenSSL %s\n", OpenSSL_version(OPENSSL_VERSION_STRING));
    make_pair(&server, &client);
    handshake(server, client);
    must(SSL_write(client, "hello from client", 17) == 17, "the client's write");

    pause_at = SSL3_RT_APPLICATION_DATA;
    n = SSL_read(server, in, sizeof(in));
    printf("server reads: %d, %s\n", n, outcome(server, n));
    n = SSL_write(server, "written by the server", 21);
    printf("server writes 21 bytes: %d, %s\n", n, outcome(server, n));
    printf("buffer of the server's read: \"%s\"\n", in);

    /* This reads the session tickets, too, which give the caller no bytes. */
    n = SSL_read(client, got, sizeof(got));
    printf("client reads: %d, %s\n", n, outcome(client, n));
    return 0;
}
END
openssl_program program.c
./program >seen

expect "SSL_write during a paused SSL_read resumes the read and sends nothing" <<'END'
OpenSSL 3.0.22
server reads: -1, SSL_ERROR_WANT_ASYNC
server writes 21 bytes: 17, done
buffer of the server's read: "hello from client"
client reads: -1, SSL_ERROR_WANT_READ
END
