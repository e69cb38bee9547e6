/* How large stacks are and, if the application says so, where they come from: memory.c. */
#ifndef AC_MEMORY_H
#define AC_MEMORY_H

#include "local.h"

extern ASYNC_stack_alloc_fn ac_user_alloc; /* both NULL for slabs */
extern ASYNC_stack_free_fn ac_user_free;

size_t ac_stack_size(void); /* asked for the first time, it settles the above */
char *ac_getenv(const char *name);

#endif
