/*
 * The stacks of jobs. A thread maps them in slabs of several stacks, and unmaps them all when it
 * is done. A job that overflows its stack meets a guard page below it, and not the next stack:
 *
 * - From Linux 6.13 on, MADV_GUARD_INSTALL makes the guard pages. It marks page table entries and
 *   splits no mapping, so vm.max_map_count does not limit the number of stacks (it is 65530 as a
 *   rule, enough for 32,700 stacks of two mappings).
 * - Elsewhere mprotect makes them, until the process has used half of that count.
 * - After that only the lowest stack of a slab has a guard page. The others have a canary in
 *   their lowest word, which is checked whenever a job pauses or finishes: an overflow then ends
 *   the process a little later, with a message.
 *
 * The environment variable ASYNC_STACK_GUARDS selects the second way (mprotect) or the third
 * (canary).
 */
#ifndef _GNU_SOURCE
# define _GNU_SOURCE
#endif
#include "memory.h"
#include "sanitize.h"
#include "stack.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MAP_NORESERVE
# define MAP_NORESERVE 0
#endif
#ifndef MAP_STACK
# define MAP_STACK 0
#endif
#ifndef MADV_GUARD_INSTALL
# define MADV_GUARD_INSTALL 102 /* Linux */
#endif

#define FIRST_SLAB 4
#define LARGEST_SLAB 64
#define LEAST_GIVEN 4096 /* bytes from the application: room for arguments and first frame */

struct slab {
    struct slab *next;
    char *base;
    size_t length, stride, n, used;
    long protects; /* guard pages that mprotect made */
    unsigned canaries;
};

enum guards { BY_MADVISE, BY_MPROTECT, BY_CANARY };

static _Atomic(int) probed;
static size_t page;
static _Atomic(int) guards;
static _Atomic(long) budget; /* guard pages that mprotect may still make */

static void probe_guards(void)
{
    const char *asked = ac_getenv("ASYNC_STACK_GUARDS");
    long maps = 65530;
    FILE *f = fopen("/proc/sys/vm/max_map_count", "re");

    page = (size_t)sysconf(_SC_PAGESIZE);
    if (f != NULL) {
        if (fscanf(f, "%ld", &maps) != 1)
            maps = 65530;
        fclose(f);
    }
    budget = maps / 4; /* each adds two mappings: itself, and the stack above it */
#ifdef __linux__
    /* QEMU accepts any advice, and follows none. */
    guards = madvise(NULL, 0, -1) != 0 ? BY_MADVISE : BY_MPROTECT;
#else
    guards = BY_MPROTECT;
#endif
    if (asked != NULL && strcmp(asked, "mprotect") == 0)
        guards = BY_MPROTECT;
    else if (asked != NULL && strcmp(asked, "canary") == 0)
        guards = BY_CANARY;
    probed = 1;
}

static int guard(struct slab *s, char *at)
{
    if (guards == BY_MADVISE) {
        if (madvise(at, page, MADV_GUARD_INSTALL) == 0)
            return 1;
        guards = BY_MPROTECT; /* an older kernel, or the process has locked its memory */
    }
    if (guards == BY_CANARY)
        return 0;
    if (atomic_fetch_sub(&budget, 1) > 0 && mprotect(at, page, PROT_NONE) == 0) {
        s->protects++;
        return 1;
    }
    atomic_fetch_add(&budget, 1);
    return 0;
}

static struct slab *map_slab(struct thread *t)
{
    struct slab *s = calloc(1, sizeof(*s));
    size_t i;

    if (s == NULL)
        return NULL;
    s->n = t->slabs == NULL ? FIRST_SLAB : t->slabs->n < LARGEST_SLAB ? 2 * t->slabs->n : LARGEST_SLAB;
    s->stride = page + (ac_stack_size() + page - 1) / page * page;
    s->length = s->n * s->stride;
    s->base = mmap(NULL, s->length, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (s->base == MAP_FAILED) {
        free(s);
        return NULL;
    }
#ifdef MADV_NOHUGEPAGE
    /* A huge page would back all stacks of a slab, used or not. */
    madvise(s->base, s->length, MADV_NOHUGEPAGE);
#endif
    for (i = 0; i < s->n && !s->canaries; i++)
        s->canaries = !guard(s, s->base + i * s->stride);
    if (s->canaries)
        mprotect(s->base, page, PROT_NONE);
    s->next = t->slabs;
    return t->slabs = s;
}

int ac_stack_make(struct thread *t, struct stack *s)
{
    struct slab *slab = t->slabs;

    memset(s, 0, sizeof(*s));
    if (ac_user_alloc != NULL) {
        s->size = ac_stack_size();
        if ((s->base = ac_user_alloc(&s->size)) == NULL)
            return 0;
        if (s->size < LEAST_GIVEN) {
            ac_user_free(s->base);
            return 0;
        }
    } else {
        if (!probed) { /* not pthread_once, in which a forked child could wait for ever */
            ac_lock();
            if (!probed)
                probe_guards();
            ac_unlock();
        }
        if ((slab == NULL || slab->used == slab->n) && (slab = map_slab(t)) == NULL)
            return 0;
        s->base = slab->base + slab->used++ * slab->stride + page;
        s->size = slab->stride - page;
        s->canary = slab->canaries;
        if (s->canary)
            *(uintptr_t *)(void *)s->base = CANARY;
    }
    s->valgrind = VALGRIND_STACK_REGISTER(s->base, s->base + s->size - 1);
    return 1;
}

void ac_stack_discard(struct stack *s)
{
    UNPOISON(s->base, s->size);
#ifdef MADV_DONTNEED
    if (ac_user_alloc == NULL) /* guard pages stay */
        madvise(s->base, s->size, MADV_DONTNEED);
#endif
    if (s->canary)
        *(uintptr_t *)(void *)s->base = CANARY;
}

void ac_stack_free(struct stack *s)
{
    VALGRIND_STACK_DEREGISTER(s->valgrind);
    UNPOISON(s->base, s->size);
    if (ac_user_free != NULL)
        ac_user_free(s->base);
}

void ac_slabs_free(struct thread *t)
{
    while (t->slabs != NULL) {
        struct slab *s = t->slabs;

        t->slabs = s->next;
        atomic_fetch_add(&budget, s->protects);
        munmap(s->base, s->length);
        free(s);
    }
}

void ac_stack_overflowed(void)
{
    static const char message[] = "libasync: a job has overflowed its stack; "
                                  "set ASYNC_STACK_SIZE in the environment to more bytes\n";

    if (write(STDERR_FILENO, message, sizeof(message) - 1) < 0)
        abort();
    abort();
}
