/*
 * Reads and answers arrays of OSSL_PARAM without libcrypto. The macros of openssl/params.h make
 * them; its functions are libcrypto's. An array may be NULL, which is an empty one.
 */
#ifndef AP_PARAMS_H
#define AP_PARAMS_H

#include <openssl/params.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Returns the parameter of that name, or NULL. */
OSSL_PARAM *param_find(const OSSL_PARAM params[], const char *name);

/*
 * Read one parameter. They report whether it has a value of the type, within the limits; otherwise
 * they set nothing. An integer may be signed or unsigned, of up to 8 bytes. A text is copied with a
 * NUL, and must fit in size bytes with it.
 */
bool param_get_int(const OSSL_PARAM *p, int *value);
bool param_get_text(const OSSL_PARAM *p, char *text, size_t size);

/*
 * Answer a request for parameters. They report whether the array has no such name, or the value
 * was set or, if the caller gave no buffer, its size was. A number is unsigned, in big endian
 * bytes.
 */
bool param_set_int(OSSL_PARAM params[], const char *name, int value);
bool param_set_text(OSSL_PARAM params[], const char *name, const char *value);
bool param_set_octets(OSSL_PARAM params[], const char *name, const uint8_t *value, size_t size);
bool param_set_number(OSSL_PARAM params[], const char *name, const uint8_t *value, size_t size);

#endif
