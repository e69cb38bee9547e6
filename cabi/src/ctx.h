/* Wait contexts. */
#ifndef AC_CTX_H
#define AC_CTX_H

#include "fdlist.h"
#include "local.h"

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

#endif
