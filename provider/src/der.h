/* A reader of DER. It reads nothing past its input, whatever that holds, and allocates nothing. */
#ifndef AP_DER_H
#define AP_DER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of someone else. */
struct bytes {
    const uint8_t *data;
    size_t size;
};

enum der_tag {
    DER_INTEGER = 0x02,
    DER_BIT_STRING = 0x03,
    DER_NULL = 0x05,
    DER_OID = 0x06,
    DER_UTF8_STRING = 0x0c,
    DER_SEQUENCE = 0x30
};

bool bytes_equal(struct bytes a, struct bytes b);

/*
 * Takes the next value from the front of *in, and sets *contents to the bytes inside. Reports whether
 * there is a whole value with that tag; otherwise nothing is changed. Lengths must be in their
 * shortest form.
 */
bool der_take(struct bytes *in, enum der_tag tag, struct bytes *contents);

/* Takes a positive INTEGER. *number is its big endian bytes, the first of which is not 0. */
bool der_take_positive(struct bytes *in, struct bytes *number);

/* Takes a BIT STRING of whole bytes. */
bool der_take_bits(struct bytes *in, struct bytes *bits);

#endif
