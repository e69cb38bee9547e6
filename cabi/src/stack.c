/*
 * The stacks of jobs. A thread maps them in slabs of some and unmaps them all when it is done. Below each is a guard page,
 * which a job that overflows its stack meets, instead of its neighbour's stack:
 *
 * - from Linux 6.13 on by MADV_GUARD_INSTALL, which marks page table entries and splits no mapping, so that the number of
 *   stacks is not bounded by vm.max_map_count (65530 as a rule, 32,700 stacks if each takes two);
 * - elsewhere by mprotect, until the process has used half of that count;
 * - and past that the slab's lowest stack has a guard page, the others a canary in their lowest word, which is looked at
 *   whenever their job pauses or finishes: an overflow then ends the process a little later, with a message.
 *
 * ASYNC_STACK_GUARDS=mprotect or =canary in the environment has the library take the second way or the third.
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
#define LEAST_GIVEN 4096 /* by the application: with less, arguments and first frame lie outside */

struct slab {
    struct slab *next;
    char *base;
    size_t length, stride, n, used;
    long protects; /* guard pages by mprotect */
    unsigned canaries;
};

enum guards { BY_MADVISE, BY_MPROTECT, BY_CANARY };

static _Atomic(int) looked;
static size_t page;
static _Atomic(int) guards;
static _Atomic(long) budget; /* how many guard pages mprotect may still make */

static void look_around(void)
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
    budget = maps / 4; /* each splits one mapping into three, and shares one with its neighbour */
#ifdef __linux__
    guards = madvise(NULL, 0, -1) != 0 ? BY_MADVISE : BY_MPROTECT; /* QEMU takes any advice, and follows none */
#else
    guards = BY_MPROTECT;
#endif
    if (asked != NULL && strcmp(asked, "mprotect") == 0)
        guards = BY_MPROTECT;
    else if (asked != NULL && strcmp(asked, "canary") == 0)
        guards = BY_CANARY;
    looked = 1;
}

static int guard(struct slab *s, char *at)
{
    if (guards == BY_MADVISE) {
        if (madvise(at, page, MADV_GUARD_INSTALL) == 0)
            return 1;
        guards = BY_MPROTECT; /* an older kernel, or all memory is locked */
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
    madvise(s->base, s->length, MADV_NOHUGEPAGE); /* a huge page would hold all the stacks of a slab, touched or not */
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
        if (!looked) { /* under the lock, for a fork waits for that: a child could wait for ever in a pthread_once */
            ac_lock();
            if (!looked)
                look_around();
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

void ac_stack_rest(struct stack *s)
{
    UNPOISON(s->base, s->size);
#ifdef MADV_DONTNEED
    if (ac_user_alloc == NULL) /* a guard installed by madvise stays */
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

void ac_stack_overflown(void)
{
    static const char said[] = "libasync: a job has overflown its stack; ASYNC_STACK_SIZE=bytes in the environment makes it larger\n";

    if (write(STDERR_FILENO, said, sizeof(said) - 1) < 0)
        abort();
    abort();
}
