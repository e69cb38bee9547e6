/*
 * Beside libcrypto, compiled with its headers: failures are on its error queue, with its reasons,
 * and its default library context follows the jobs. All this is as with libcrypto's own jobs: the
 * program also passes if it is linked with -lcrypto alone. It then needs the argument "theirs",
 * and leaves out the calls that crash libcrypto.
 */
#include <openssl/async.h>
#include <openssl/crypto.h>
#include <openssl/err.h>

#include "check.h"

#include <string.h>

static OSSL_LIB_CTX *inner, *later;

static OSSL_LIB_CTX *context(void) { return OSSL_LIB_CTX_set0_default(NULL); }

static int changes(void *p)
{
    OSSL_LIB_CTX *outer = p == NULL ? NULL : *(OSSL_LIB_CTX **)p;

    CHECK(context() == outer);
    CHECK(OSSL_LIB_CTX_set0_default(inner) == outer);
    ASYNC_pause_job();
    CHECK(context() == inner);
    CHECK(OSSL_LIB_CTX_set0_default(later) == inner);
    ASYNC_pause_job();
    CHECK(context() == later);
    return 1;
}

static void contexts(void)
{
    OSSL_LIB_CTX *outer = OSSL_LIB_CTX_new();
    ASYNC_WAIT_CTX *ctx = ASYNC_WAIT_CTX_new();
    ASYNC_JOB *job = NULL;
    int ret, out;

    inner = OSSL_LIB_CTX_new();
    later = OSSL_LIB_CTX_new();
    OSSL_LIB_CTX_set0_default(outer);
    while ((out = ASYNC_start_job(&job, ctx, &ret, changes, &outer, sizeof(outer))) == ASYNC_PAUSE) {
        CHECK(context() == outer);
        ASYNC_JOB *other = NULL; /* a job that runs meanwhile has the outer context */
        OSSL_LIB_CTX *mine = outer;
        CHECK(ASYNC_start_job(&other, ctx, &ret, changes, &mine, sizeof(mine)) == ASYNC_PAUSE);
        while (ASYNC_start_job(&other, ctx, &ret, changes, NULL, 0) == ASYNC_PAUSE)
            CHECK(context() == outer);
    }
    CHECK(out == ASYNC_FINISH && ret == 1 && context() == outer);
    OSSL_LIB_CTX_set0_default(OSSL_LIB_CTX_get0_global_default());
    ASYNC_WAIT_CTX_free(ctx);
    OSSL_LIB_CTX_free(inner);
    OSSL_LIB_CTX_free(later);
    OSSL_LIB_CTX_free(outer);
}

static int one(void *p) { (void)p; return 1; }

static void errors(void)
{
    unsigned long e;
    const char *function = NULL;
    ASYNC_WAIT_CTX *ctx = ASYNC_WAIT_CTX_new();
    ASYNC_callback_fn callback;
    ASYNC_JOB *job = NULL;
    OSSL_ASYNC_FD fd;
    void *data;
    int ret;

    ERR_clear_error();
    CHECK(ASYNC_init_thread(1, 2) == 0);
    e = ERR_get_error_all(NULL, NULL, &function, NULL, NULL);
    CHECK(ERR_GET_LIB(e) == ERR_LIB_ASYNC && ERR_GET_REASON(e) == ASYNC_R_INVALID_POOL_SIZE);
    CHECK(strcmp(function, "ASYNC_init_thread") == 0);
    CHECK(strcmp(ERR_reason_error_string(e), "invalid pool size") == 0);
    CHECK(ERR_get_error() == 0);
    /* No room for the copy. */
    CHECK(ASYNC_start_job(&job, ctx, &ret, one, &ret, (size_t)-1 / 2) == ASYNC_ERR && job == NULL);
    CHECK(ERR_GET_REASON(ERR_peek_error()) == ERR_R_MALLOC_FAILURE);
    ERR_clear_error();
    CHECK(ASYNC_init_thread(1, 0) == 1); /* a key or callback that is not there raises nothing */
    CHECK(ASYNC_WAIT_CTX_get_fd(ctx, ctx, &fd, &data) == 0 && ASYNC_WAIT_CTX_clear_fd(ctx, ctx) == 0);
    CHECK(ASYNC_WAIT_CTX_get_callback(ctx, &callback, &data) == 0);
    CHECK(ERR_get_error() == 0);
    ASYNC_WAIT_CTX_free(ctx);
    ASYNC_cleanup_thread();
}

static void more_errors(void)
{
    ASYNC_JOB *job = (ASYNC_JOB *)(size_t)4711;
    unsigned long e;
    int ret;

    FAILS(ASYNC_start_job(&job, NULL, &ret, one, NULL, 0), ESTALE);
    e = ERR_get_error();
    CHECK(ERR_GET_LIB(e) == ERR_LIB_ASYNC && ERR_GET_REASON(e) == ASYNC_R_FAILED_TO_SWAP_CONTEXT);
    CHECK(ERR_get_error() == 0);
}

int main(int argc, char **argv)
{
    errors();
    contexts();
    if (argc < 2 || strcmp(argv[1], "theirs") != 0)
        more_errors();
    ASYNC_cleanup_thread();
    return 0;
}
