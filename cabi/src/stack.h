/* stack.c: the stacks of jobs. */
#ifndef AC_STACK_H
#define AC_STACK_H

#include "local.h"

struct stack {
    void *sp;   /* the stack pointer of the last switch away from it */
    char *base; /* its lowest byte, which it grows down to */
    size_t size;
    unsigned canary;   /* whether its lowest word is checked, for want of a guard page */
    unsigned valgrind; /* valgrind's number for it */
};

int ac_stack_make(struct thread *t, struct stack *s);
void ac_stack_discard(struct stack *s); /* returns the memory, keeps the addresses */
void ac_stack_free(struct stack *s); /* the memory of a slab's stack stays until ac_slabs_free */
void ac_slabs_free(struct thread *t);
_Noreturn void ac_stack_overflowed(void);

#define CANARY ((uintptr_t)0x5bd1e995a7c3f00dull)

static inline void stack_check(const struct stack *s)
{
    if (RARELY(s->canary) && RARELY(*(volatile uintptr_t *)s->base != CANARY))
        ac_stack_overflowed();
}

#endif
