/*
 * Reports a failure: by errno and, if libcrypto is in the process, by a reason on its error
 * queue.
 */
#include "local.h"

#include <errno.h>
#include <string.h>

#define LIBRARY 51 /* ERR_LIB_ASYNC */

COLD int ac_fail(int err, int reason, const char *file, int line, const char *function)
{
    const struct ac_err *queue = ac_find_err();
    const char *slash = strrchr(file, '/');

    if (queue != NULL) {
        queue->new_record();
        queue->set_debug(slash == NULL ? file : slash + 1, line, function);
        queue->set_error(LIBRARY, reason, NULL);
    }
    errno = err;
    return 0;
}
