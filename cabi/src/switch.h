/*
 * Switching stacks: switch_amd64.S and switch_arm64.S, or switch_ucontext.c elsewhere and with -DAC_UCONTEXT.
 *
 * What survives a switch is what survives a function call, and the floating-point control words with it; not the signal
 * mask (save with ucontext), and not errno, which is the thread's.
 */
#ifndef AC_SWITCH_H
#define AC_SWITCH_H

#include <stddef.h>

/* Leaves the stack in use, noting in *from where it stood, and goes on where to stood. */
void ac_switch(void **from, void *to);

/* Prepares the memory for a first switch to what it returns, which calls entry(arg) on it. It must not return. */
void *ac_prepare(char *base, size_t size, void (*entry)(void *), void *arg);

#if !defined(AC_UCONTEXT) && !(defined(__LP64__) && (defined(__x86_64__) || defined(__aarch64__)))
# define AC_UCONTEXT
#endif

#endif
