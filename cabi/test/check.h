/* What the C tests share: a check that says where it failed, and the counters of a program. */
#ifndef CHECK_H
#define CHECK_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define CHECK(condition) \
    do { \
        if (!(condition)) { \
            fprintf(stderr, "%s:%d: %s is not so (errno %d)\n", __FILE__, __LINE__, #condition, errno); \
            exit(1); \
        } \
    } while (0)

/* The call fails with this errno. */
#define FAILS(call, err) \
    do { \
        errno = 0; \
        CHECK((call) == 0); \
        CHECK(errno == (err)); \
    } while (0)

/* The Go tests set this variable, save in CI: fewer repetitions then, 1 in n. */
static inline int repetitions(int all, int n) { return getenv("CHECK_QUICK") == NULL ? all : all / n; }

/* AddressSanitizer and valgrind are slow, and need many times the memory. */
#if defined(__SANITIZE_ADDRESS__)
# define SLOW 1
#else
# define SLOW (getenv("CHECK_SLOW") != NULL)
#endif

#endif
