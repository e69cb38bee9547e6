/*
 * Switching stacks: switch_amd64.S and switch_arm64.S, or switch_ucontext.c elsewhere and with
 * -DAC_UCONTEXT.
 *
 * A switch preserves everything that a function call preserves, and the floating-point control
 * words. It does not preserve the signal mask (only ucontext does) or errno: they are the
 * thread's.
 */
#ifndef AC_SWITCH_H
#define AC_SWITCH_H

#include <stddef.h>

/*
 * Leaves the current stack, stores its position in *from, and continues on the other stack at
 * position to.
 */
void ac_switch(void **from, void *to);

/*
 * Prepares a new stack, and returns its position. The first switch there calls entry(arg), which
 * must not return.
 */
void *ac_prepare(char *base, size_t size, void (*entry)(void *), void *arg);

#if !defined(AC_UCONTEXT) && !(defined(__LP64__) && (defined(__x86_64__) || defined(__aarch64__)))
# define AC_UCONTEXT
#endif

#endif
