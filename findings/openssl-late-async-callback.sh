#!/bin/bash
# OpenSSL: an async callback set after the connection's first call is accepted and never used.
#
# Software    OpenSSL 3.0.22 (Debian's libssl3 3.0.22-1~deb12u2), SSL_set_async_callback
# Best guess  the callback counts from then on, or the function says that it is too late
# Seen        it returns 1, but the job of the next call finds no callback in its wait context:
#             libssl copies the callback into the context when it makes that, at the first call,
#             and never again. A callback set before the first call is found.
# Matters to  servers that choose callbacks for each connection after they have looked at it: an
#             engine that finds no callback falls back to file descriptors, and the loop that set
#             the callback listens for none.
source "$(dirname "$0")/common.bash"
debian libssl3=3.0.22-1~deb12u2 libssl-dev=3.0.22-1~deb12u2

cat >program.c <<'END'
#include "pair.h"

static const char *found;

static void look(ASYNC_JOB *job)
{
    ASYNC_callback_fn callback;
    void *arg;

    if (ASYNC_WAIT_CTX_get_callback(ASYNC_get_wait_ctx(job), &callback, &arg))
        found = "found";
    else
        found = "not found";
}

static int wake(SSL *ssl, void *arg)
{
    return 1;
}

static void try(const char *when, int late)
{
    SSL *server, *client;
    int set, n;

    make_pair(&server, &client);
    if (late)
        must(SSL_do_handshake(server) == -1, "waiting for the client");
    set = SSL_set_async_callback(server, wake);
    pause_at = SSL3_RT_HANDSHAKE;
    SSL_do_handshake(client);
    n = SSL_do_handshake(server);
    printf("set %s the first call: returns %d; %s, callback %s\n",
           when, set, outcome(server, n), found);
}

int main(void)
{
    at_pause = look;
    printf("OpenSSL %s\n", OpenSSL_version(OPENSSL_VERSION_STRING));
    try("before", 0);
    try("after", 1);
    return 0;
}
END
openssl_program program.c
./program >seen

expect "SSL_set_async_callback after the first call succeeds and has no effect" <<'END'
OpenSSL 3.0.22
set before the first call: returns 1; SSL_ERROR_WANT_ASYNC, callback found
set after the first call: returns 1; SSL_ERROR_WANT_ASYNC, callback not found
END
