/*
 * A session's wait fds. Marks show which were added and deleted since a paused job was last
 * resumed.
 */
#include "fdlist.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int extend(struct fdlist *l)
{
    uint32_t room = l->room == 0 ? 3 : 2 * l->room + 1;
    int before = errno;
    struct record *more = realloc(l->more, room * sizeof(*more));

    if (more == NULL)
        return 0;
    errno = before;
    l->more = more;
    l->room = room;
    return 1;
}

/*
 * Adds a record even if there is one with an equal key: the new one hides the older one until it
 * is cleared.
 */
int ac_fds_add(struct fdlist *l, const void *key, OSSL_ASYNC_FD fd, void *data, cleanup_fn *cleanup)
{
    if (l->n > l->room && !extend(l))
        return 0;
    *fds_at(l, l->n++) = (struct record){ .key = key, .data = data, .cleanup = cleanup, .fd = fd, .added = 1 };
    l->num_added++;
    return 1;
}

/* Returns the index of the newest record with that key, plus one, or 0 if there is none. */
static uint32_t find(struct fdlist *l, const void *key)
{
    uint32_t i;

    for (i = l->n; i > 0; i--) {
        struct record *r = fds_at(l, i - 1);

        if (r->key == key && !r->deleted)
            break;
    }
    return i;
}

struct record *ac_fds_find(struct fdlist *l, const void *key)
{
    uint32_t i = find(l, key);

    return i == 0 ? NULL : fds_at(l, i - 1);
}

/* Removes the record at i. The caller updates the counts of marks. */
static void remove_at(struct fdlist *l, uint32_t i)
{
    uint32_t last = --l->n;

    if (i == last)
        return;
    if (i == 0) {
        l->first = l->more[0];
        i = 1;
    }
    memmove(&l->more[i - 1], &l->more[i], (last - i) * sizeof(*l->more));
}

/*
 * Clears the newest record with that key. It goes at once if the application has not learnt of it
 * yet (it was added since the last reset), else at the next reset.
 */
int ac_fds_clear(struct fdlist *l, const void *key)
{
    uint32_t i = find(l, key);
    struct record *r;

    if (i == 0)
        return 0;
    r = fds_at(l, i - 1);
    if (r->added) {
        l->num_added--;
        if (!r->closing) {
            remove_at(l, i - 1);
            return 1;
        }
    }
    r->deleted = 1; /* a record that its own cleanup clears is removed after that cleanup */
    l->num_deleted++;
    return 1;
}

void ac_fds_reset_marks(struct fdlist *l)
{
    uint32_t i, kept = 0, deleted = 0;

    for (i = 0; i < l->n; i++) {
        struct record *r = fds_at(l, i);

        if (r->deleted && !r->closing)
            continue;
        r->added = 0;
        deleted += r->deleted;
        if (kept != i)
            *fds_at(l, kept) = *r;
        kept++;
    }
    l->n = kept;
    l->num_added = 0;
    l->num_deleted = deleted; /* only a record whose cleanup is running is still there */
}

/*
 * Empties the list from the newest record on, and calls the cleanups of the records that are not
 * deleted. A record stays on the list during its cleanup. So the cleanup may look it up, clear it
 * or others, and add new ones, whose cleanups come next.
 */
void ac_fds_clean_up(struct fdlist *l, ASYNC_WAIT_CTX *handle)
{
    while (l->n > 0) {
        uint32_t i = l->n - 1;
        struct record *r = fds_at(l, i);

        if (!r->deleted && r->cleanup != NULL) {
            r->closing = 1;
            r->cleanup(handle, r->key, r->fd, r->data);
            for (i = l->n - 1; !fds_at(l, i)->closing; i--) /* the cleanup may have added records */
                continue;
            r = fds_at(l, i);
        }
        l->num_deleted -= r->deleted;
        l->num_added -= r->added && !r->deleted;
        remove_at(l, i);
    }
    free(l->more);
    *l = (struct fdlist){ 0 };
}
