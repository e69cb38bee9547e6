/*
 * Switching stacks where there is no assembly for it. Each switch also saves and sets the signal mask, with a system
 * call, so it costs a few times as much; makecontext passes ints, so the argument goes in halves.
 */
#include "switch.h"

#ifdef AC_UCONTEXT

#include <stdint.h>
#include <stdlib.h>
#include <ucontext.h>

static void entry(unsigned high, unsigned low)
{
    ac_job_main((void *)((uintptr_t)((uint64_t)high << 32) | low));
}

/* The context is kept on the stack that is left, as the assembly does with the registers. */
void ac_switch(void **from, void *to)
{
    ucontext_t here;

    *from = &here;
    if (swapcontext(&here, to) != 0)
        abort(); /* without a way back there is nobody to tell */
}

void *ac_prepare(char *base, size_t size, void *arg)
{
    uintptr_t top = ((uintptr_t)base + size - sizeof(ucontext_t)) & ~(uintptr_t)63;
    ucontext_t *first = (ucontext_t *)top;

    if (getcontext(first) != 0)
        abort();
    first->uc_stack.ss_sp = base;
    first->uc_stack.ss_size = top - (uintptr_t)base;
    first->uc_link = NULL;
    makecontext(first, (void (*)(void))entry, 2, (unsigned)((uint64_t)(uintptr_t)arg >> 32), (unsigned)(uintptr_t)arg);
    return first;
}

#else
typedef int this_file_is_not_empty;
#endif
