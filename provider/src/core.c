#include "core.h"
#include "provider.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

bool core_take(struct core_functions *f, const OSSL_DISPATCH *table)
{
    for (; table->function_id != 0; table++) {
        switch (table->function_id) {
        case OSSL_FUNC_CORE_GET_PARAMS: f->get_params = OSSL_FUNC_core_get_params(table); break;
        case OSSL_FUNC_CORE_GET_LIBCTX: f->get_libctx = OSSL_FUNC_core_get_libctx(table); break;
        case OSSL_FUNC_CORE_NEW_ERROR: f->new_error = OSSL_FUNC_core_new_error(table); break;
        case OSSL_FUNC_CORE_SET_ERROR_DEBUG: f->set_error_debug = OSSL_FUNC_core_set_error_debug(table); break;
        case OSSL_FUNC_CORE_VSET_ERROR: f->vset_error = OSSL_FUNC_core_vset_error(table); break;
        case OSSL_FUNC_CORE_SET_ERROR_MARK: f->set_error_mark = OSSL_FUNC_core_set_error_mark(table); break;
        case OSSL_FUNC_CORE_POP_ERROR_TO_MARK:
            f->pop_error_to_mark = OSSL_FUNC_core_pop_error_to_mark(table);
            break;
        case OSSL_FUNC_BIO_READ_EX: f->bio_read = OSSL_FUNC_BIO_read_ex(table); break;
        case OSSL_FUNC_BIO_GETS: f->bio_gets = OSSL_FUNC_BIO_gets(table); break;
        case OSSL_FUNC_BIO_WRITE_EX: f->bio_write = OSSL_FUNC_BIO_write_ex(table); break;
        }
    }
    return f->get_params != NULL && f->get_libctx != NULL && f->new_error != NULL && f->set_error_debug != NULL
           && f->vset_error != NULL && f->set_error_mark != NULL && f->pop_error_to_mark != NULL
           && f->bio_read != NULL && f->bio_gets != NULL && f->bio_write != NULL;
}

const OSSL_ITEM core_reasons[] = {
    { REASON_MEMORY, (char *)"out of memory" },
    { REASON_SETTING, (char *)"wrong setting" },
    { REASON_LIBCRYPTO, (char *)"function of libcrypto not found" },
    { REASON_HANDLE, (char *)"malformed key handle" },
    { REASON_KEY_KIND, (char *)"kind of key not supported" },
    { REASON_NAME, (char *)"not a name of a key" },
    { REASON_NO_SERVER, (char *)"key server does not answer" },
    { REASON_NOT_ALLOWED, (char *)"not allowed by the key server" },
    { REASON_UNKNOWN_KEY, (char *)"key unknown to the key server" },
    { REASON_SERVER_FAILED, (char *)"key server failed" },
    { REASON_DIGEST, (char *)"digest not supported" },
    { REASON_PADDING, (char *)"padding not supported" },
    { REASON_PARAMETER, (char *)"wrong parameter" },
    { REASON_DIGEST_SIZE, (char *)"data is not as long as the digest" },
    { REASON_TOO_LONG, (char *)"data too long" },
    { REASON_REFUSED, (char *)"refused by the key server" },
    { REASON_BUFFER, (char *)"buffer too small" },
    { REASON_ORDER, (char *)"operation not initialised" },
    { 0, NULL },
};
_Static_assert(sizeof core_reasons / sizeof *core_reasons == REASON_END, "a reason has no text");

/* The core takes a list of arguments alone. */
static void set_error(const struct provider *p, enum reason reason, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    p->f.vset_error(p->core, reason, format, arguments);
    va_end(arguments);
}

void core_raise(const struct provider *p, const char *file, int line, const char *function, enum reason reason,
                const char *format, ...)
{
    char text[512];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    DEBUG("error: %s: %s", (const char *)core_reasons[reason - 1].ptr, text);
    p->f.new_error(p->core);
    p->f.set_error_debug(p->core, file, line, function);
    set_error(p, reason, "%s", text);
}

bool core_usable(const struct provider *p)
{
    if (p->fault.reason != 0)
        RAISE(p, p->fault.reason, "%s", p->fault.text);
    return p->fault.reason == 0;
}

bool core_debugging;

/* One write for a line, so that the lines of threads and processes do not mix. */
void core_debug(const char *format, ...)
{
    char line[512];
    int before = errno, n = snprintf(line, sizeof line, "asynccrypto[%d]: ", (int)getpid());
    va_list arguments;

    va_start(arguments, format);
    n += vsnprintf(line + n, sizeof line - n - 1, format, arguments);
    va_end(arguments);
    if (n > (int)sizeof line - 2)
        n = sizeof line - 2;
    line[n++] = '\n';
    if (write(STDERR_FILENO, line, n) != n) {
        /* nobody reads it */
    }
    errno = before;
}
