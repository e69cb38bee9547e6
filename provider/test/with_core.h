/*
 * A core for functions of the provider that are called without libcrypto's: it reads from memory,
 * and keeps the last error.
 */
#ifndef WITH_CORE_H
#define WITH_CORE_H

#include "provider.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* What the functions take for OSSL_CORE_BIO. */
struct input {
    const uint8_t *data;
    size_t size, at;
};

static struct {
    int count, reason;
    char text[1024];
} last_error;

static void new_error(const OSSL_CORE_HANDLE *core)
{
    (void)core;
    last_error.count++;
}

static void set_error_debug(const OSSL_CORE_HANDLE *core, const char *file, int line, const char *function)
{
    (void)core, (void)file, (void)line, (void)function;
}

static void vset_error(const OSSL_CORE_HANDLE *core, uint32_t reason, const char *format, va_list arguments)
{
    (void)core;
    last_error.reason = (int)reason;
    vsnprintf(last_error.text, sizeof last_error.text, format, arguments);
}

static int read_input(OSSL_CORE_BIO *bio, void *data, size_t size, size_t *got)
{
    struct input *in = (struct input *)bio;

    *got = in->size - in->at < size ? in->size - in->at : size;
    if (*got > 0)
        memcpy(data, in->data + in->at, *got);
    in->at += *got;
    return *got > 0;
}

/* A line with its end, or as much of it as there is room for. */
static int get_line(OSSL_CORE_BIO *bio, char *line, int size)
{
    struct input *in = (struct input *)bio;
    int n = 0;

    while (n < size - 1 && in->at < in->size) {
        line[n++] = (char)in->data[in->at++];
        if (line[n - 1] == '\n')
            break;
    }
    line[n] = '\0';
    return n;
}

/* Makes a provider that calls the libcrypto with which the program is linked. */
static inline void make_provider(struct provider *p)
{
    const char *file;

    memset(p, 0, sizeof *p);
    p->f.new_error = new_error;
    p->f.set_error_debug = set_error_debug;
    p->f.vset_error = vset_error;
    p->f.bio_read = read_input;
    p->f.bio_gets = get_line;
    if (libcrypto_find(&p->libcrypto, FUNCTION(EVP_MD_fetch), &file) != NULL)
        abort();
}

#endif
