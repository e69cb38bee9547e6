/*
 * What the files of this library share. Nothing of it is seen from outside: the shared library exports the public
 * functions alone, and the static one is a single object with all else made local.
 *
 * A thread's jobs belong to it. Its state lies in thread-local storage, at hand without a lock or a call; what threads
 * share (the tables of jobs and wait contexts, which are never unmapped) is behind one lock that no pause or resume takes,
 * and a start only when no job is idle.
 */
#ifndef AC_LOCAL_H
#define AC_LOCAL_H

#include <openssl/async.h>
#include <stdatomic.h>
#include <stdint.h>

#define EXPORT __attribute__((visibility("default")))
#define COLD __attribute__((cold, noinline))
#define RARELY(x) __builtin_expect((x) != 0, 0)

struct ctx;
struct job;
struct slab;

struct thread {
    struct job *current; /* the job that runs; the innermost, if they are nested */
    struct job *idle;    /* last in, first out: the warmest stack comes next */
    size_t active;       /* jobs begun and not over */
    size_t limit;        /* of those; 0 until there is a pool */
    struct job *all;
    struct job *retired, **retired_end; /* dropped jobs, the oldest first: pool.c says why they rest */
    size_t num_retired;
    struct slab *slabs;
    struct ctx *free_ctx, **free_ctx_end; /* freed wait contexts, the oldest first */
    size_t num_free_ctx;
    struct ctx *fresh, *fresh_end; /* never used ones */
    unsigned drops_seen;
    int registered;
    int forking;   /* how many handlers of thread.c have been called */
    int keeps_out; /* while it forks: libcrypto.c */
};

/* Initial-exec: 128 bytes of static TLS, for which a library that is opened late has room, and no call. */
extern _Thread_local struct thread ac_thread __attribute__((tls_model("initial-exec")));

/* lock.c */
void ac_lock(void);
void ac_unlock(void);

/* thread.c: sees to it that what t owns goes when the thread does; 0 if that fails. For the exported functions to call. */
int ac_register(struct thread *t);

/* errors.c: sets errno, and with libcrypto in the process raises the reason on its queue. Always 0. */
int ac_fail(int err, int reason, const char *file, int line, const char *function);
#define FAIL(err, reason) ac_fail(err, reason, __FILE__, __LINE__, __func__)
#define AC_R_MALLOC_FAILURE (256 | 3 << 18) /* ERR_R_MALLOC_FAILURE */
#define AC_R_INVALID_ARGUMENT (262 | 2 << 18) /* ERR_R_PASSED_INVALID_ARGUMENT */

/* libcrypto.c: its functions, NULL while it is not in the process. */
typedef void *(*ac_set0_default_fn)(void *libctx);
extern _Atomic(ac_set0_default_fn) ac_set0_default; /* OSSL_LIB_CTX_set0_default */
struct ac_err {
    void (*new_record)(void);
    void (*set_debug)(const char *file, int line, const char *function);
    void (*set_error)(int lib, int reason, const char *format, ...);
};
const struct ac_err *ac_find_err(void);
void ac_find_libcrypto(void);
void ac_find_before_fork(void);
void ac_find_in_parent(void);
void ac_find_in_child(void);

/* stats.c */
enum { STARTS, PAUSES, FINISHES, NUM_COUNTS };
extern int ac_counting;
extern _Atomic(unsigned long) ac_counts[NUM_COUNTS];
#define COUNT(what) \
    do { \
        if (RARELY(ac_counting)) \
            atomic_fetch_add_explicit(&ac_counts[what], 1, memory_order_relaxed); \
    } while (0)

#endif
