/* A list of wait fds. */
#ifndef AC_FDLIST_H
#define AC_FDLIST_H

#include <openssl/async.h>
#include <stdint.h>

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
