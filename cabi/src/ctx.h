/* Wait contexts and their wait fds. */
#ifndef AC_CTX_H
#define AC_CTX_H

#include "local.h"

typedef void cleanup_fn(ASYNC_WAIT_CTX *, const void *key, OSSL_ASYNC_FD fd, void *data);

/*
 * A wait fd. Its record stays until the next reset after a clear, so that the application learns
 * of the clear.
 */
struct record {
    const void *key;
    void *data;
    cleanup_fn *cleanup;
    OSSL_ASYNC_FD fd;
    unsigned char added, deleted; /* since the last reset */
    unsigned char closing;        /* its cleanup has been called */
};

/*
 * The records, the oldest first; lookups search for the newest, from the end. The first record
 * needs no allocation.
 */
struct fdlist {
    uint32_t n, room; /* room: of more, in records */
    uint32_t num_added, num_deleted;
    struct record *more, first;
};

#define CTX_SIZE 128

struct ctx {
    /*
     * The current handle, 0 if the context is free. A handle is the context's address plus 8
     * times a generation, which every free increments. So a handle that an engine still holds
     * after the free differs from the next one.
     */
    _Atomic(uintptr_t) self;
    _Atomic(ASYNC_callback_fn) callback; /* an engine's thread may read these three */
    _Atomic(void *) arg;
    _Atomic(int) status;
    unsigned closing;
    _Atomic(struct job *) jobs; /* started on this context and not finished */
    union {
        struct fdlist fds;
        struct {
            struct ctx *next;
            uintptr_t handle; /* the next one */
        } free;
    };
} __attribute__((aligned(CTX_SIZE)));

_Static_assert(sizeof(struct ctx) == CTX_SIZE, "a generation has CTX_SIZE / 8 values");

static inline ASYNC_WAIT_CTX *ctx_handle(struct ctx *c)
{
    return (ASYNC_WAIT_CTX *)atomic_load_explicit(&c->self, memory_order_relaxed);
}

/*
 * Returns the context of a handle, or NULL if it was freed. Contexts are never unmapped, so an
 * old handle can be read.
 */
static inline struct ctx *ctx_of(const ASYNC_WAIT_CTX *handle)
{
    struct ctx *c = (struct ctx *)((uintptr_t)handle & -(uintptr_t)CTX_SIZE);

    if (RARELY(handle == NULL)
        || RARELY(atomic_load_explicit(&c->self, memory_order_relaxed) != (uintptr_t)handle))
        return NULL;
    if (c == NULL)
        __builtin_unreachable(); /* else each caller would test it once more */
    return c;
}

/* ctx_memory.c */
struct ctx *ac_ctx_take(struct thread *t);  /* one of the thread's own contexts, or NULL */
struct ctx *ac_ctx_fetch(struct thread *t); /* one from the store or new memory, or NULL */
void ac_ctx_put(struct thread *t, struct ctx *c);
void ac_ctx_leave(struct thread *t); /* gives all of the thread's contexts to the store */

/* fdlist.c */
int ac_fds_add(struct fdlist *l, const void *key, OSSL_ASYNC_FD fd, void *data, cleanup_fn *cleanup);
struct record *ac_fds_find(struct fdlist *l, const void *key);
int ac_fds_clear(struct fdlist *l, const void *key);
void ac_fds_reset_marks(struct fdlist *l);
void ac_fds_clean_up(struct fdlist *l, ASYNC_WAIT_CTX *handle);

static inline struct record *fds_at(struct fdlist *l, uint32_t i) { return i == 0 ? &l->first : &l->more[i - 1]; }

/*
 * Called when a paused job resumes: by then the application has had its chance to read the
 * changes.
 */
static inline void fds_reset(struct fdlist *l)
{
    if ((l->num_added | l->num_deleted) != 0)
        ac_fds_reset_marks(l);
}

#endif
