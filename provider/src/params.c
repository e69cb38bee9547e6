#include "params.h"

#include <limits.h>
#include <string.h>

static const bool big_endian = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__;

OSSL_PARAM *param_find(const OSSL_PARAM params[], const char *name)
{
    for (; params != NULL && params->key != NULL; params++) {
        if (strcmp(params->key, name) == 0)
            return (OSSL_PARAM *)params;
    }
    return NULL;
}

/* Byte i of a native number of that size, counted from the least significant one. */
static uint8_t *byte(void *number, size_t size, size_t i)
{
    return (uint8_t *)number + (big_endian ? size - 1 - i : i);
}

bool param_get_int(const OSSL_PARAM *p, int *value)
{
    bool is_signed = p->data_type == OSSL_PARAM_INTEGER;
    int64_t n = 0;
    size_t i, size = p->data_size;

    if ((!is_signed && p->data_type != OSSL_PARAM_UNSIGNED_INTEGER) || p->data == NULL || size == 0 || size > sizeof n)
        return false;
    for (i = 0; i < size; i++)
        n |= (int64_t)((uint64_t)*byte(p->data, size, i) << 8 * i);
    if (is_signed && size < sizeof n && n >> (8 * size - 1) != 0)
        n -= (int64_t)1 << 8 * size;
    if (n < INT_MIN || n > INT_MAX || (!is_signed && n < 0))
        return false;
    *value = (int)n;
    return true;
}

bool param_get_text(const OSSL_PARAM *p, char *text, size_t size)
{
    const char *data;
    size_t n;

    if (p->data_type == OSSL_PARAM_UTF8_STRING)
        data = p->data;
    else if (p->data_type == OSSL_PARAM_UTF8_PTR && p->data != NULL)
        data = *(const char **)p->data;
    else
        return false;
    /* A pointer's size need not be set. A string's is without the NUL, which may come earlier. */
    if (data == NULL
        || (n = p->data_type == OSSL_PARAM_UTF8_PTR ? strlen(data) : strnlen(data, p->data_size)) >= size)
        return false;
    memcpy(text, data, n);
    text[n] = '\0';
    return true;
}

/*
 * Looks for a request of a value of that type and size. Returns whether it can be answered; *p is
 * then the parameter to write to, or NULL if there is none or only the size was asked for.
 */
static bool asked(OSSL_PARAM params[], const char *name, unsigned type, size_t size, OSSL_PARAM **p)
{
    *p = param_find(params, name);
    if (*p == NULL)
        return true;
    if ((*p)->data_type != type)
        return false;
    (*p)->return_size = size;
    if ((*p)->data == NULL) {
        *p = NULL;
        return true;
    }
    return (*p)->data_size >= size;
}

bool param_set_int(OSSL_PARAM params[], const char *name, int value)
{
    OSSL_PARAM *p = param_find(params, name);
    bool is_unsigned = p != NULL && p->data_type == OSSL_PARAM_UNSIGNED_INTEGER && value >= 0;
    size_t i;

    if (!asked(params, name, is_unsigned ? OSSL_PARAM_UNSIGNED_INTEGER : OSSL_PARAM_INTEGER, sizeof value, &p))
        return false;
    if (p == NULL)
        return true;
    for (i = 0; i < p->data_size; i++)
        *byte(p->data, p->data_size, i) = (uint8_t)((int64_t)value >> (i < sizeof value ? 8 * i : 63));
    p->return_size = p->data_size;
    return true;
}

bool param_set_text(OSSL_PARAM params[], const char *name, const char *value)
{
    size_t size = strlen(value);
    OSSL_PARAM *p = param_find(params, name);

    if (p != NULL && p->data_type == OSSL_PARAM_UTF8_PTR) {
        p->return_size = size;
        if (p->data != NULL)
            *(const char **)p->data = value;
        return true;
    }
    if (!asked(params, name, OSSL_PARAM_UTF8_STRING, size, &p))
        return false;
    if (p != NULL)
        memcpy(p->data, value, size + (p->data_size > size)); /* with the NUL where there is room */
    return true;
}

bool param_set_octets(OSSL_PARAM params[], const char *name, const uint8_t *value, size_t size)
{
    OSSL_PARAM *p;

    if (!asked(params, name, OSSL_PARAM_OCTET_STRING, size, &p))
        return false;
    if (p != NULL)
        memcpy(p->data, value, size);
    return true;
}

bool param_set_number(OSSL_PARAM params[], const char *name, const uint8_t *value, size_t size)
{
    OSSL_PARAM *p;
    size_t i;

    if (!asked(params, name, OSSL_PARAM_UNSIGNED_INTEGER, size, &p))
        return false;
    if (p == NULL)
        return true;
    for (i = 0; i < p->data_size; i++)
        *byte(p->data, p->data_size, i) = i < size ? value[size - 1 - i] : 0;
    p->return_size = p->data_size;
    return true;
}
