/*
 * The declarations that the files of this library share. Programs do not see them: the shared
 * library exports the public functions alone, and in the static library, which is a single
 * object, all other symbols are local. `make layers` shows which file depends on which.
 *
 * A job belongs to its thread. A thread's state is in thread-local storage, and so needs no lock.
 * The tables of jobs and of wait contexts, which are never unmapped, are shared by all threads
 * and guarded by one lock. Pausing and resuming never take it; starting a job does only when none
 * is idle.
 *
 * A call that succeeds leaves errno alone: the code around an asynchronous operation may still
 * need it. The C library may change errno even when it succeeds, so each exported function sets
 * errno back after it has made or freed memory.
 */
#ifndef AC_LOCAL_H
#define AC_LOCAL_H

#include <openssl/async.h>
#include <stdatomic.h>
#include <stdint.h>

#define EXPORT __attribute__((visibility("default")))
#define COLD __attribute__((cold, noinline))
#define ON_OWN_LINE __attribute__((aligned(64))) /* so that a short function is in one cache line */
#define RARELY(x) __builtin_expect((x) != 0, 0)

struct ctx;
struct job;
struct slab;

struct thread {
    struct job *current; /* the job that runs; of nested jobs, the innermost */
    struct job *idle;    /* last in, first out: the stack that is most likely cached comes next */
    size_t active;       /* jobs that were started and have not finished */
    size_t limit;        /* the most that may be active; 0 until there is a pool */
    struct job *all;
    struct job *retired, **retired_end; /* dropped jobs, the oldest first; see pool.c */
    size_t num_retired;
    struct slab *slabs;
    struct ctx *free_ctx, **free_ctx_end; /* freed wait contexts, the oldest first */
    size_t num_free_ctx;
    struct ctx *fresh, *fresh_end; /* never used ones */
    unsigned drops_seen;
    int registered;
    int forking;   /* calls of before_fork in thread.c, less those of the handlers after the fork */
    int has_lookup_lock; /* while it forks, it has the lock of lookup.c */
};

/*
 * The initial-exec model needs no call to find a variable. It takes 128 bytes of static
 * thread-local storage; the loader keeps more than that for libraries that are opened late.
 */
extern _Thread_local struct thread ac_thread __attribute__((tls_model("initial-exec")));

/* lock.c */
void ac_lock(void);
void ac_unlock(void);

/*
 * thread.c: has t freed when its thread ends. Returns 0 if that cannot be arranged. Only exported
 * functions call it, since thread.c depends on the files that own what it frees.
 */
int ac_register(struct thread *t);

/*
 * errors.c: sets errno and, if libcrypto is in the process, raises the reason on its error queue.
 * Returns 0.
 */
int ac_fail(int err, int reason, const char *file, int line, const char *function);
#define FAIL(err, reason) ac_fail(err, reason, __FILE__, __LINE__, __func__)
#define AC_R_MALLOC_FAILURE (256 | 3 << 18) /* ERR_R_MALLOC_FAILURE */
#define AC_R_INVALID_ARGUMENT (262 | 2 << 18) /* ERR_R_PASSED_INVALID_ARGUMENT */

/* lookup.c: functions of other libraries, NULL while the library is not in the process. */
typedef void *(*ac_set0_default_fn)(void *libctx);
extern _Atomic(ac_set0_default_fn) ac_set0_default; /* OSSL_LIB_CTX_set0_default */

/* What the C++ runtime keeps for each thread, as the Itanium C++ ABI defines it. */
struct exceptions {
    void *caught;      /* a stack of those that are being handled */
    unsigned uncaught; /* how many are in flight */
#ifdef __arm__
    void *propagating;
#endif
};
typedef struct exceptions *(*ac_exceptions_fn)(void);
extern _Atomic(ac_exceptions_fn) ac_exceptions; /* __cxa_get_globals */

struct ac_err {
    void (*new_record)(void);
    void (*set_debug)(const char *file, int line, const char *function);
    void (*set_error)(int lib, int reason, const char *format, ...);
};
const struct ac_err *ac_find_err(void);
void ac_look_up(void);
void ac_find_before_fork(void);
void ac_find_in_parent(void);
void ac_find_in_child(void);

/* stats.c */
enum { STARTS, PAUSES, FINISHES, NUM_COUNTS };
extern int ac_counting;
extern _Atomic(unsigned long) ac_counts[NUM_COUNTS];
#define COUNT(counter) \
    do { \
        if (RARELY(ac_counting)) \
            atomic_fetch_add_explicit(&ac_counts[counter], 1, memory_order_relaxed); \
    } while (0)

#endif
