/* Shared by the C tests: a check that prints where it failed, and numbers of repetitions. */
#ifndef CHECK_H
#define CHECK_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define CHECK(condition) \
    do { \
        if (!(condition)) { \
            fprintf(stderr, "%s:%d: %s is false (errno %d)\n", __FILE__, __LINE__, #condition, errno); \
            exit(1); \
        } \
    } while (0)

/* Checks that the call returns 0 and sets errno. */
#define FAILS(call, err) \
    do { \
        errno = 0; \
        CHECK((call) == 0); \
        CHECK(errno == (err)); \
    } while (0)

/*
 * Returns all, or one in n if the environment asks for a quick test, as the Go tests do outside
 * CI.
 */
static inline int repetitions(int all, int n) { return getenv("CHECK_QUICK") == NULL ? all : all / n; }

/* AddressSanitizer and valgrind are slow, and need many times the memory. */
#if defined(__SANITIZE_ADDRESS__)
# define SLOW 1
#else
# define SLOW (getenv("CHECK_SLOW") != NULL)
#endif

#endif
