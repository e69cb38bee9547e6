/*
 * The memory of wait contexts. It is never unmapped and never used for anything else, so that
 * even an old handle can be read. A freed context is reused, under another handle, after at least
 * QUARANTINE others of its thread's or of the store's. So a handle's number returns after at
 * least QUARANTINE * CTX_SIZE / 8 others.
 */
#include "ctx.h"

#include <sys/mman.h>

#define QUARANTINE 64
#define BATCH 32        /* new contexts that a thread gets at once */
#define MOST 1024       /* freed contexts of a thread; then half of them go to the store */
#define CHUNK (1 << 20) /* bytes that are mapped at once */

/* The store, which all threads share. The lock guards it. */
static struct ctx *stored, **stored_end = &stored;
static size_t num_stored;
static char *chunk, *chunk_end;

/* Gives the thread's oldest n free contexts to the store. */
static COLD void give_back(struct thread *t, size_t n)
{
    struct ctx **end = &t->free_ctx;
    size_t i;

    if (n == 0)
        return;
    t->num_free_ctx -= n;
    for (i = 0; i < n; i++)
        end = &(*end)->free.next;
    ac_lock();
    num_stored += n;
    *stored_end = t->free_ctx;
    stored_end = end;
    t->free_ctx = *end;
    *end = NULL;
    ac_unlock();
    if (t->free_ctx == NULL)
        t->free_ctx_end = &t->free_ctx;
}

/* Appends a context to the thread's free ones. The handle is that of its next use. */
static void push(struct thread *t, struct ctx *c, uintptr_t handle)
{
    c->free.next = NULL;
    c->free.handle = handle;
    if (t->free_ctx_end == NULL)
        t->free_ctx_end = &t->free_ctx;
    *t->free_ctx_end = c;
    t->free_ctx_end = &c->free.next;
    t->num_free_ctx++;
}

static struct ctx *pop(struct thread *t)
{
    struct ctx *c = t->free_ctx;

    if ((t->free_ctx = c->free.next) == NULL)
        t->free_ctx_end = &t->free_ctx;
    t->num_free_ctx--;
    return c;
}

/* Maps a chunk for the store. A page of it costs nothing until a context in it is used. */
static int new_chunk(void)
{
    chunk = mmap(NULL, CHUNK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (chunk == MAP_FAILED) {
        chunk = chunk_end = NULL;
        return 0;
    }
    chunk_end = chunk + CHUNK;
    return 1;
}

static inline struct ctx *fresh(struct thread *t)
{
    struct ctx *c = t->fresh++;

    c->free.handle = (uintptr_t)c;
    return c;
}

static inline struct ctx *begin(struct ctx *c)
{
    uintptr_t handle = c->free.handle;

    c->closing = 0;
    c->fds = (struct fdlist){ 0 };
    atomic_store_explicit(&c->status, ASYNC_STATUS_UNSUPPORTED, memory_order_relaxed);
    atomic_store_explicit(&c->callback, NULL, memory_order_relaxed);
    atomic_store_explicit(&c->jobs, NULL, memory_order_relaxed);
    atomic_store_explicit(&c->self, handle, memory_order_relaxed);
    return c;
}

ON_OWN_LINE struct ctx *ac_ctx_take(struct thread *t)
{
    struct ctx *c;

    if (t->num_free_ctx > QUARANTINE)
        c = pop(t);
    else if (t->fresh != t->fresh_end)
        c = fresh(t);
    else
        return NULL;
    return begin(c);
}

COLD struct ctx *ac_ctx_fetch(struct thread *t)
{
    struct ctx *c = NULL;

    ac_lock();
    if (num_stored > QUARANTINE) {
        num_stored--;
        c = stored;
        if ((stored = c->free.next) == NULL)
            stored_end = &stored;
    } else if (chunk != chunk_end || new_chunk()) {
        t->fresh = (struct ctx *)(void *)chunk;
        chunk += BATCH * sizeof(struct ctx);
        t->fresh_end = (struct ctx *)(void *)chunk;
    }
    ac_unlock();
    if (c != NULL)
        return begin(c);
    return t->fresh != t->fresh_end ? begin(fresh(t)) : NULL;
}

ON_OWN_LINE void ac_ctx_put(struct thread *t, struct ctx *c)
{
    uintptr_t handle = atomic_load_explicit(&c->self, memory_order_relaxed);
    uintptr_t next = (uintptr_t)c | ((handle + 8) & (CTX_SIZE - 1));

    /* From here on the old handle fails. */
    atomic_store_explicit(&c->self, 0, memory_order_relaxed);
    push(t, c, next);
    if (RARELY(t->num_free_ctx > MOST))
        give_back(t, MOST / 2);
}

void ac_ctx_leave(struct thread *t)
{
    while (t->fresh != t->fresh_end) {
        push(t, t->fresh, (uintptr_t)t->fresh);
        t->fresh++;
    }
    give_back(t, t->num_free_ctx);
}
