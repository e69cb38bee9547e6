/* The stacks of jobs: stack.c. */
#ifndef AC_STACK_H
#define AC_STACK_H

#include "local.h"

struct stack {
    void *sp;   /* where it was switched away from */
    char *base; /* its lowest byte; it grows down to here */
    size_t size;
    unsigned canary;   /* its lowest word is watched, since no guard page is below it */
    unsigned valgrind; /* its number there */
};

int ac_stack_make(struct thread *t, struct stack *s);
void ac_stack_rest(struct stack *s);           /* gives the memory back, keeps the addresses */
void ac_stack_free(struct stack *s);           /* of a slab's stack nothing but the registration */
void ac_slabs_free(struct thread *t);
_Noreturn void ac_stack_overflown(void);

#define CANARY ((uintptr_t)0x5bd1e995a7c3f00dull)

static inline void stack_check(const struct stack *s)
{
    if (RARELY(s->canary) && RARELY(*(volatile uintptr_t *)s->base != CANARY))
        ac_stack_overflown();
}

#endif
