/*
 * memory.c: the size of stacks, and the application's functions that make and free them, if it
 * has set any.
 */
#ifndef AC_MEMORY_H
#define AC_MEMORY_H

#include "local.h"

extern ASYNC_stack_alloc_fn ac_user_alloc; /* both are NULL if stacks come from slabs */
extern ASYNC_stack_free_fn ac_user_free;

size_t ac_stack_size(void); /* from its first call on, the functions above cannot change */
char *ac_getenv(const char *name);

#endif
