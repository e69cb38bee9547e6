/*
 * The size of stacks, and ASYNC_set_mem_functions, with which an application makes the stacks
 * itself.
 */
#ifndef _GNU_SOURCE
# define _GNU_SOURCE
#endif
#include "memory.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define DEFAULT_SIZE (64 << 10)
#define LEAST_SIZE (16 << 10)
/* The length of a slab must not overflow. */
#define MOST_SIZE (sizeof(size_t) > 4 ? 1 << 30 : 1 << 24)

ASYNC_stack_alloc_fn ac_user_alloc;
ASYNC_stack_free_fn ac_user_free;
static _Atomic(size_t) stack_size; /* 0 until the first stack is made */

/* Ignores the environment in a program that runs with more rights than its user. */
char *ac_getenv(const char *name)
{
#ifdef __GLIBC__
    return secure_getenv(name);
#else
    return getuid() == geteuid() && getgid() == getegid() ? getenv(name) : NULL;
#endif
}

size_t ac_stack_size(void)
{
    size_t size = atomic_load_explicit(&stack_size, memory_order_relaxed);
    const char *asked;
    char *end;

    if (size != 0)
        return size;
    size = DEFAULT_SIZE;
    if ((asked = ac_getenv("ASYNC_STACK_SIZE")) != NULL && *asked >= '0' && *asked <= '9') {
        unsigned long long n = strtoull(asked, &end, 10);

        if (*end == '\0')
            size = n < LEAST_SIZE ? LEAST_SIZE : n > MOST_SIZE ? MOST_SIZE : (size_t)n;
    }
    atomic_store_explicit(&stack_size, size, memory_order_relaxed);
    return size;
}

/*
 * ASYNC_get_mem_functions returns these two if none were set, for applications that wrap them;
 * the library itself maps stacks in slabs. A stack has a guard page below it, and below that a
 * page that holds the length.
 */
static void *map_one(size_t *size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), length = 2 * page + (*size + page - 1) / page * page;
    char *p = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (p == MAP_FAILED)
        return NULL;
    *(size_t *)(void *)p = length;
    if (mprotect(p + page, page, PROT_NONE) != 0) {
        munmap(p, length);
        return NULL;
    }
    *size = length - 2 * page;
    return p + 2 * page;
}

static void unmap_one(void *stack)
{
    char *p = (char *)stack - 2 * sysconf(_SC_PAGESIZE);

    munmap(p, *(size_t *)(void *)p);
}

/*
 * Allowed only before the first stack, since the function that frees a stack must match the one
 * that made it.
 */
EXPORT int ASYNC_set_mem_functions(ASYNC_stack_alloc_fn alloc_fn, ASYNC_stack_free_fn free_fn)
{
    if (atomic_load_explicit(&stack_size, memory_order_relaxed) != 0)
        return FAIL(EBUSY, AC_R_INVALID_ARGUMENT);
    if (alloc_fn == NULL && free_fn == NULL)
        return 1;
    ac_user_alloc = alloc_fn != NULL ? alloc_fn : ac_user_alloc != NULL ? ac_user_alloc : map_one;
    ac_user_free = free_fn != NULL ? free_fn : ac_user_free != NULL ? ac_user_free : unmap_one;
    return 1;
}

EXPORT void ASYNC_get_mem_functions(ASYNC_stack_alloc_fn *alloc_fn, ASYNC_stack_free_fn *free_fn)
{
    if (alloc_fn != NULL)
        *alloc_fn = ac_user_alloc != NULL ? ac_user_alloc : map_one;
    if (free_fn != NULL)
        *free_fn = ac_user_free != NULL ? ac_user_free : unmap_one;
}
