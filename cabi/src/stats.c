/*
 * With ASYNC_STATS=1 in the environment the library counts, and writes a line to stderr when the
 * process exits:
 *
 *     libasync: process 4711: 88 starts, 72 pauses, 88 finishes
 */
#include "local.h"
#include "memory.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

int ac_counting;
_Atomic(unsigned long) ac_counts[NUM_COUNTS];

__attribute__((constructor)) static void begin(void)
{
    const char *asked = ac_getenv("ASYNC_STATS");

    ac_counting = asked != NULL && strcmp(asked, "1") == 0;
}

__attribute__((destructor)) static void end(void)
{
    char line[128];
    int n;

    if (!ac_counting)
        return;
    n = snprintf(line, sizeof(line), "libasync: process %ld: %lu starts, %lu pauses, %lu finishes\n", (long)getpid(),
                 ac_counts[STARTS], ac_counts[PAUSES], ac_counts[FINISHES]);
    if (write(STDERR_FILENO, line, (size_t)n) < 0)
        ac_counting = 0; /* stderr is closed */
}
