/*
 * ASYNC_WAIT_CTX_*: sessions. With NULL, or the handle of a freed session, every function fails
 * and sets no output. Any output may be NULL.
 */
#include "ctx.h"
#include "job.h"

#include <errno.h>

/*
 * Only an engine that is late uses a freed session, as a rule. No reason is raised: the queue
 * would be the engine's. Not COLD: the jumps to a section of cold code are longer, and a function
 * such as ASYNC_WAIT_CTX_set_status is hardly more than its jump to this one.
 */
static __attribute__((noinline)) int stale(const ASYNC_WAIT_CTX *handle)
{
    errno = handle == NULL ? EINVAL : ESTALE;
    return 0;
}

/* For a thread that has no context of its own left. */
static COLD ASYNC_WAIT_CTX *fetch(void)
{
    struct thread *t = &ac_thread;
    int before = errno;
    struct ctx *c = ac_register(t) ? ac_ctx_fetch(t) : NULL;

    if (c == NULL) {
        FAIL(ENOMEM, AC_R_MALLOC_FAILURE);
        return NULL;
    }
    errno = before;
    return ctx_handle(c);
}

EXPORT ON_OWN_LINE ASYNC_WAIT_CTX *ASYNC_WAIT_CTX_new(void)
{
    struct ctx *c = ac_ctx_take(&ac_thread);

    return RARELY(c == NULL) ? fetch() : ctx_handle(c);
}

/* Not inlined: the registers that it saves would slow down the free of a session without fds. */
static __attribute__((noinline)) void close_session(struct ctx *c, ASYNC_WAIT_CTX *handle)
{
    int before = errno;

    c->closing = 1;
    do { /* a cleanup may start a job, and that may pause or set a wait fd */
        ac_drop_jobs(c);
        ac_fds_clean_up(&c->fds, handle);
    } while (c->fds.n != 0 || atomic_load_explicit(&c->jobs, memory_order_relaxed) != NULL);
    errno = before;
}

/* If it fails, a few contexts are lost when the thread ends. */
static COLD void try_register(void)
{
    int before = errno;

    ac_register(&ac_thread);
    errno = before;
}

EXPORT ON_OWN_LINE void ASYNC_WAIT_CTX_free(ASYNC_WAIT_CTX *handle)
{
    struct ctx *c = ctx_of(handle);

    if (RARELY(c == NULL) || RARELY(c->closing)) /* closing: a cleanup has called this */
        return;
    if (c->fds.n != 0 || c->fds.more != NULL
        || atomic_load_explicit(&c->jobs, memory_order_relaxed) != NULL)
        close_session(c, handle);
    if (RARELY(!ac_thread.registered))
        try_register();
    ac_ctx_put(&ac_thread, c);
}

EXPORT int ASYNC_WAIT_CTX_set_wait_fd(ASYNC_WAIT_CTX *handle, const void *key, OSSL_ASYNC_FD fd, void *custom_data,
                                      void (*cleanup)(ASYNC_WAIT_CTX *, const void *, OSSL_ASYNC_FD, void *))
{
    struct ctx *c = ctx_of(handle);

    if (RARELY(c == NULL))
        return stale(handle);
    if (RARELY(!ac_fds_add(&c->fds, key, fd, custom_data, cleanup)))
        return FAIL(ENOMEM, AC_R_MALLOC_FAILURE);
    return 1;
}

EXPORT int ASYNC_WAIT_CTX_get_fd(ASYNC_WAIT_CTX *handle, const void *key, OSSL_ASYNC_FD *fd, void **custom_data)
{
    struct ctx *c = ctx_of(handle);
    struct record *r;

    if (RARELY(c == NULL))
        return stale(handle);
    if ((r = ac_fds_find(&c->fds, key)) == NULL)
        return 0;
    if (!RARELY(fd == NULL))
        *fd = r->fd;
    if (!RARELY(custom_data == NULL))
        *custom_data = r->data;
    return 1;
}

EXPORT int ASYNC_WAIT_CTX_clear_fd(ASYNC_WAIT_CTX *handle, const void *key)
{
    struct ctx *c = ctx_of(handle);

    return RARELY(c == NULL) ? stale(handle) : ac_fds_clear(&c->fds, key);
}

EXPORT int ASYNC_WAIT_CTX_get_all_fds(ASYNC_WAIT_CTX *handle, OSSL_ASYNC_FD *fd, size_t *numfds)
{
    struct ctx *c = ctx_of(handle);
    size_t n = 0;
    uint32_t i;

    if (RARELY(c == NULL))
        return stale(handle);
    for (i = c->fds.n; i > 0; i--) { /* newest first */
        struct record *r = fds_at(&c->fds, i - 1);

        if (r->deleted)
            continue;
        if (fd != NULL)
            fd[n] = r->fd;
        n++;
    }
    if (!RARELY(numfds == NULL))
        *numfds = n;
    return 1;
}

EXPORT int ASYNC_WAIT_CTX_get_changed_fds(ASYNC_WAIT_CTX *handle, OSSL_ASYNC_FD *addfd, size_t *numaddfds,
                                          OSSL_ASYNC_FD *delfd, size_t *numdelfds)
{
    struct ctx *c = ctx_of(handle);
    uint32_t i;

    if (RARELY(c == NULL))
        return stale(handle);
    if (!RARELY(numaddfds == NULL))
        *numaddfds = c->fds.num_added;
    if (!RARELY(numdelfds == NULL))
        *numdelfds = c->fds.num_deleted;
    if ((addfd == NULL || c->fds.num_added == 0) && (delfd == NULL || c->fds.num_deleted == 0))
        return 1;
    for (i = c->fds.n; i > 0; i--) {
        struct record *r = fds_at(&c->fds, i - 1);

        if (r->deleted) {
            if (delfd != NULL)
                *delfd++ = r->fd;
        } else if (r->added && addfd != NULL) {
            *addfd++ = r->fd;
        }
    }
    return 1;
}

/*
 * An engine's thread may read both at any moment, so the argument is stored before the function
 * that gets it.
 */
EXPORT ON_OWN_LINE int ASYNC_WAIT_CTX_set_callback(ASYNC_WAIT_CTX *handle, ASYNC_callback_fn callback,
                                                   void *callback_arg)
{
    struct ctx *c = ctx_of(handle);

    if (RARELY(c == NULL))
        return stale(handle);
    atomic_store_explicit(&c->arg, callback_arg, memory_order_relaxed);
    atomic_store_explicit(&c->callback, callback, memory_order_release);
    return 1;
}

EXPORT ON_OWN_LINE int ASYNC_WAIT_CTX_get_callback(ASYNC_WAIT_CTX *handle, ASYNC_callback_fn *callback,
                                                   void **callback_arg)
{
    struct ctx *c = ctx_of(handle);
    ASYNC_callback_fn fn;

    if (RARELY(c == NULL))
        return stale(handle);
    if ((fn = atomic_load_explicit(&c->callback, memory_order_acquire)) == NULL)
        return 0;
    if (!RARELY(callback == NULL))
        *callback = fn;
    if (!RARELY(callback_arg == NULL))
        *callback_arg = atomic_load_explicit(&c->arg, memory_order_relaxed);
    return 1;
}

EXPORT ON_OWN_LINE int ASYNC_WAIT_CTX_set_status(ASYNC_WAIT_CTX *handle, int status)
{
    struct ctx *c = ctx_of(handle);

    if (RARELY(c == NULL))
        return stale(handle);
    atomic_store_explicit(&c->status, status, memory_order_relaxed);
    return 1;
}

/* The status of a freed session is ASYNC_STATUS_ERR, which tells the application to clean up. */
EXPORT ON_OWN_LINE int ASYNC_WAIT_CTX_get_status(ASYNC_WAIT_CTX *handle)
{
    struct ctx *c = ctx_of(handle);

    if (RARELY(c == NULL)) {
        stale(handle);
        return ASYNC_STATUS_ERR;
    }
    return atomic_load_explicit(&c->status, memory_order_relaxed);
}
