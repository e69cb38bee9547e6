/*
 * The table of all jobs. It is never unmapped, and its entries are never used for anything but
 * jobs.
 */
#include "job.h"

#include <sys/mman.h>

_Atomic(struct job *) ac_chunks[1 << (INDEX_BITS - CHUNK_BITS)];

/* The lock guards these. */
static struct job *unused;
static size_t num_used;

static struct job *fresh(void)
{
    struct job *chunk, *j;
    size_t index = num_used;

    if (index > INDEX_MASK)
        return NULL;
    if (index % CHUNK_JOBS == 0) {
        chunk = mmap(NULL, CHUNK_JOBS * sizeof(*chunk), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (chunk == MAP_FAILED)
            return NULL;
        atomic_store_explicit(&ac_chunks[index >> CHUNK_BITS], chunk, memory_order_release);
    }
    num_used++;
    j = job_at(index);
    atomic_store_explicit(&j->handle, index + INDEX_MASK + 1, memory_order_relaxed);
    return j;
}

struct job *ac_table_take(void)
{
    struct job *j;

    ac_lock();
    if ((j = unused) != NULL)
        unused = j->next;
    else
        j = fresh();
    ac_unlock();
    return j;
}

void ac_table_disown(struct thread *t)
{
    size_t i;

    for (i = 0; i < num_used; i++) {
        struct job *j = job_at(i);
        struct thread *owner = atomic_load_explicit(&j->owner, memory_order_relaxed);

        if (owner != NULL && owner != t)
            atomic_store_explicit(&j->owner, NULL, memory_order_relaxed);
    }
}

void ac_table_put(struct job *j)
{
    atomic_store_explicit(&j->owner, NULL, memory_order_relaxed);
    j->next = unused;
    unused = j;
}
