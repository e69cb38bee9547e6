#include "der.h"

#include <string.h>

bool bytes_equal(struct bytes a, struct bytes b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

/*
 * Reads the header of a value with that tag. Reports whether the value is whole; *header and
 * *length are then the sizes of its two parts. Four bytes of length are more than any input has.
 */
static bool measure(struct bytes in, enum der_tag tag, size_t *header, size_t *length)
{
    size_t n, i;

    if (in.size < 2 || in.data[0] != tag)
        return false;
    *header = 2;
    *length = in.data[1];
    if (*length >= 0x80) {
        n = *length & 0x7f;
        if (n == 0 || n > 4 || in.size - 2 < n || in.data[2] == 0)
            return false;
        for (*length = 0, i = 0; i < n; i++)
            *length = *length << 8 | in.data[2 + i];
        if (*length < 0x80)
            return false; /* the short form is for these */
        *header += n;
    }
    return in.size - *header >= *length;
}

static struct bytes split(struct bytes *in, size_t size)
{
    struct bytes front = { in->data, size };

    in->data += size;
    in->size -= size;
    return front;
}

bool der_take(struct bytes *in, enum der_tag tag, struct bytes *contents)
{
    size_t header, length;

    if (!measure(*in, tag, &header, &length))
        return false;
    split(in, header);
    *contents = split(in, length);
    return true;
}

bool der_take_positive(struct bytes *in, struct bytes *number)
{
    struct bytes rest = *in, n;

    if (!der_take(&rest, DER_INTEGER, &n) || n.size == 0 || n.data[0] >= 0x80)
        return false;
    if (n.data[0] == 0) { /* it keeps the number positive, and stands there only where it must */
        split(&n, 1);
        if (n.size == 0 || n.data[0] < 0x80)
            return false;
    }
    *number = n;
    *in = rest;
    return true;
}

bool der_take_bits(struct bytes *in, struct bytes *bits)
{
    struct bytes rest = *in, b;

    if (!der_take(&rest, DER_BIT_STRING, &b) || b.size == 0 || b.data[0] != 0)
        return false;
    split(&b, 1);
    *bits = b;
    *in = rest;
    return true;
}
