/*
 * Switching stacks where there is no assembly for it. Each switch also saves and sets the signal mask, with a system
 * call, so it costs a few times as much; makecontext passes ints, so a pointer goes in halves.
 */
#include "switch.h"

#ifdef AC_UCONTEXT

#include <stdint.h>
#include <stdlib.h>
#include <ucontext.h>

/* What lies at the top of a stack that was not switched to yet. */
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

/* The context is kept on the stack that is left, as the assembly does with the registers. */
void ac_switch(void **from, void *to)
{
    ucontext_t here;

    *from = &here;
    if (swapcontext(&here, to) != 0)
        abort(); /* without a way back there is nobody to tell */
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
