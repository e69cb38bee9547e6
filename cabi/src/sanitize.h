/* Tells AddressSanitizer and valgrind about stacks, if the library is built for them. */
#ifndef AC_SANITIZE_H
#define AC_SANITIZE_H

#include <stddef.h>

#if defined(__SANITIZE_ADDRESS__)
# define AC_ASAN 1
#elif defined(__has_feature)
# if __has_feature(address_sanitizer)
#  define AC_ASAN 1
# endif
#endif

#ifdef AC_ASAN
# include <sanitizer/asan_interface.h>
# include <sanitizer/common_interface_defs.h>
# define UNPOISON(p, n) __asan_unpoison_memory_region(p, n)
#else
# define UNPOISON(p, n) ((void)0)
#endif

#if defined(__has_include)
# if __has_include(<valgrind/valgrind.h>)
#  include <valgrind/valgrind.h>
# endif
#endif
#ifndef VALGRIND_STACK_REGISTER
# define VALGRIND_STACK_REGISTER(start, end) 0
# define VALGRIND_STACK_DEREGISTER(id) ((void)(id))
#endif

#endif
