/*
 * Switching stacks where there is no assembly for it. Each switch also saves and sets the signal
 * mask, with a system call, so it takes several times as long. makecontext passes ints, so a
 * pointer is passed in halves.
 */
#include "switch.h"

#ifdef AC_UCONTEXT

#include <stdint.h>
#include <stdlib.h>
#include <ucontext.h>

/* The top of a stack before the first switch to it. */
struct first {
    ucontext_t context;
    void (*entry)(void *);
    void *arg;
};

static void begin(unsigned high, unsigned low)
{
    struct first *f = (struct first *)(uintptr_t)((uint64_t)high << 32 | low);

    f->entry(f->arg);
}

/* The context is kept on the stack that is left, as the assembly keeps the registers. */
void ac_switch(void **from, void *to)
{
    ucontext_t current;

    *from = &current;
    if (swapcontext(&current, to) != 0)
        abort(); /* it cannot return to a caller to report the failure */
}

void *ac_prepare(char *base, size_t size, void (*entry)(void *), void *arg)
{
    uintptr_t top = ((uintptr_t)base + size - sizeof(struct first)) & ~(uintptr_t)63;
    struct first *f = (struct first *)top;

    f->entry = entry;
    f->arg = arg;
    if (getcontext(&f->context) != 0)
        abort();
    f->context.uc_stack.ss_sp = base;
    f->context.uc_stack.ss_size = top - (uintptr_t)base;
    f->context.uc_link = NULL;
    makecontext(&f->context, (void (*)(void))begin, 2, (unsigned)((uint64_t)top >> 32), (unsigned)top);
    return &f->context;
}

#else
typedef int this_file_is_not_empty;
#endif
