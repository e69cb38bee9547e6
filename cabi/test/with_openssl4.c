/*
 * A stand-in for OpenSSL 4, all of whose symbols have the version OPENSSL_4.0.0, in three parts:
 *
 * - with -DLIBCRYPTO, libcrypto.so.4: what libasync looks up, and jobs that must never be used;
 * - with -DCALLER, a library that runs jobs, as libssl does. It is linked with this libcrypto or
 *   with that of OpenSSL 3, whose versions its references then carry;
 * - else a program, whose arguments are the file names of such libraries. It runs jobs by each,
 *   and all must be jobs of one facility. If the first argument is "4", this libcrypto is the only
 *   one: then failures must be on its error queue, and its default library context must follow
 *   the jobs.
 */
#include "check.h"

#ifdef LIBCRYPTO

#include <stddef.h>

#define NOT_OURS(name) \
    void name(void); \
    void name(void) \
    { \
        fputs("libcrypto's own " #name " was called\n", stderr); \
        exit(1); \
    }

NOT_OURS(ASYNC_init_thread) NOT_OURS(ASYNC_cleanup_thread) NOT_OURS(ASYNC_is_capable)
NOT_OURS(ASYNC_start_job) NOT_OURS(ASYNC_pause_job) NOT_OURS(ASYNC_get_current_job) NOT_OURS(ASYNC_get_wait_ctx)
NOT_OURS(ASYNC_WAIT_CTX_new) NOT_OURS(ASYNC_WAIT_CTX_free)

static unsigned long error;
static char global;
static _Thread_local void *current = &global;

void ERR_new(void);
void ERR_new(void) { error = 0; }

void ERR_set_debug(const char *file, int line, const char *function);
void ERR_set_debug(const char *file, int line, const char *function) { (void)file, (void)line, (void)function; }

void ERR_set_error(int lib, int reason, const char *format, ...);
void ERR_set_error(int lib, int reason, const char *format, ...)
{
    (void)format;
    error = (unsigned long)lib << 23 | (unsigned long)reason;
}

unsigned long ERR_get_error(void);
unsigned long ERR_get_error(void)
{
    unsigned long e = error;

    error = 0;
    return e;
}

void *OSSL_LIB_CTX_new(void);
void *OSSL_LIB_CTX_new(void) { return malloc(1); }

void *OSSL_LIB_CTX_set0_default(void *ctx);
void *OSSL_LIB_CTX_set0_default(void *ctx)
{
    void *before = current;

    if (ctx != NULL)
        current = ctx;
    return before;
}

#else

#include <openssl/async.h>

typedef int run_fn(ASYNC_JOB **job, ASYNC_WAIT_CTX *ctx, void (*inside)(ASYNC_JOB *));

#ifdef CALLER

static int body(void *p)
{
    void (*inside)(ASYNC_JOB *) = *(void (**)(ASYNC_JOB *))p;

    inside(ASYNC_get_current_job());
    ASYNC_pause_job();
    inside(ASYNC_get_current_job());
    return 7;
}

run_fn run;
int run(ASYNC_JOB **job, ASYNC_WAIT_CTX *ctx, void (*inside)(ASYNC_JOB *))
{
    int ret = 7, outcome = ASYNC_start_job(job, ctx, &ret, body, &inside, sizeof(inside));

    return ret == 7 ? outcome : -1;
}

#else

#include <dlfcn.h>
#include <string.h>

extern unsigned long ERR_get_error(void) __attribute__((weak));
extern void *OSSL_LIB_CTX_new(void) __attribute__((weak));
extern void *OSSL_LIB_CTX_set0_default(void *) __attribute__((weak));

static void *inner; /* a library context, or NULL */
static ASYNC_WAIT_CTX *ctx;

/* Called in a job of the library's: the program itself must see the same one. */
static void inside(ASYNC_JOB *seen)
{
    CHECK(seen != NULL && seen == ASYNC_get_current_job());
    CHECK(ASYNC_get_wait_ctx(seen) == ctx);
    if (inner != NULL)
        OSSL_LIB_CTX_set0_default(inner);
}

static void runs(const char *library)
{
    void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    ASYNC_JOB *job = NULL;
    run_fn *run;

    if (handle == NULL)
        fprintf(stderr, "%s\n", dlerror());
    CHECK(handle != NULL && (*(void **)&run = dlsym(handle, "run")) != NULL);
    CHECK(run(&job, ctx, inside) == ASYNC_PAUSE && job != NULL);
    CHECK(ASYNC_get_wait_ctx(job) == ctx && ASYNC_get_current_job() == NULL);
    CHECK(run(&job, ctx, inside) == ASYNC_FINISH && job == NULL);
}

int main(int argc, char **argv)
{
    int only = argc > 1 && strcmp(argv[1], "4") == 0;
    void *outer = NULL;

    CHECK(argc > 1 + only && (ctx = ASYNC_WAIT_CTX_new()) != NULL);
    if (only) {
        FAILS(ASYNC_init_thread(1, 2), EINVAL);
        CHECK((ERR_get_error() & 0x7fffff) == ASYNC_R_INVALID_POOL_SIZE);
        outer = OSSL_LIB_CTX_set0_default(NULL);
        inner = OSSL_LIB_CTX_new();
    }
    for (int i = 1 + only; i < argc; i++)
        runs(argv[i]);
    if (only)
        CHECK(OSSL_LIB_CTX_set0_default(NULL) == outer);
    ASYNC_WAIT_CTX_free(ctx);
    ASYNC_cleanup_thread();
    free(inner);
    return 0;
}

#endif
#endif
