/* Wait contexts and their wait fds. */
#ifndef AC_CTX_H
#define AC_CTX_H

#include "local.h"

typedef void cleanup_fn(ASYNC_WAIT_CTX *, const void *key, OSSL_ASYNC_FD fd, void *data);

/* A record stays after it was cleared until the next reset, so that the application is told. */
struct record {
    const void *key;
    void *data;
    cleanup_fn *cleanup;
    OSSL_ASYNC_FD fd;
    unsigned char added, deleted; /* since the last reset */
    unsigned char closing;        /* its cleanup has been called */
};

/* Oldest first: lookups want the newest and go from the end. The first needs no allocation. */
struct fdlist {
    uint32_t n, room; /* room for the further ones */
    uint32_t num_added, num_deleted;
    struct record *more, first;
};

#define CTX_SIZE 128

struct ctx {
    /*
     * The handle that is good now, 0 while there is none. A handle is the context's address plus 8 times its generation,
     * which a free moves on, so that what an engine still holds of a freed session is told from the one that follows it.
     */
    _Atomic(uintptr_t) self;
    _Atomic(ASYNC_callback_fn) callback; /* these three are what an engine's thread may read */
    _Atomic(void *) arg;
    _Atomic(int) status;
    unsigned closing;
    _Atomic(struct job *) jobs; /* begun on it and not over */
    union {
        struct fdlist fds;
        struct {
            struct ctx *next;
            uintptr_t handle; /* of its next use */
        } free;
    };
} __attribute__((aligned(CTX_SIZE)));

_Static_assert(sizeof(struct ctx) == CTX_SIZE, "a generation has CTX_SIZE / 8 values");

static inline ASYNC_WAIT_CTX *ctx_handle(struct ctx *c)
{
    return (ASYNC_WAIT_CTX *)atomic_load_explicit(&c->self, memory_order_relaxed);
}

/* The context of a handle; NULL if it was freed. The memory under a handle is never unmapped. */
static inline struct ctx *ctx_of(const ASYNC_WAIT_CTX *handle)
{
    struct ctx *c = (struct ctx *)((uintptr_t)handle & -(uintptr_t)CTX_SIZE);

    if (RARELY(handle == NULL)
        || RARELY(atomic_load_explicit(&c->self, memory_order_relaxed) != (uintptr_t)handle))
        return NULL;
    return c;
}

/* ctx_memory.c */
struct ctx *ac_ctx_take(struct thread *t);  /* one that the thread has at hand, or NULL */
struct ctx *ac_ctx_fetch(struct thread *t); /* then one of the store or of new memory, NULL if there is none */
void ac_ctx_put(struct thread *t, struct ctx *c);
void ac_ctx_leave(struct thread *t); /* the thread ends */

/* fdlist.c */
int ac_fds_add(struct fdlist *l, const void *key, OSSL_ASYNC_FD fd, void *data, cleanup_fn *cleanup);
struct record *ac_fds_find(struct fdlist *l, const void *key);
int ac_fds_clear(struct fdlist *l, const void *key);
void ac_fds_reset_marks(struct fdlist *l);
void ac_fds_clean_up(struct fdlist *l, ASYNC_WAIT_CTX *handle);

static inline struct record *fds_at(struct fdlist *l, uint32_t i) { return i == 0 ? &l->first : &l->more[i - 1]; }

/* A paused job goes on, so the application has had its chance to look. */
static inline void fds_reset(struct fdlist *l)
{
    if ((l->num_added | l->num_deleted) != 0)
        ac_fds_reset_marks(l);
}

#endif
