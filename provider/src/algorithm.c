/*
 * An identifier is written from its end to its start, so that each header follows the contents
 * whose length it has. No length here is over 127, so each has one byte.
 */
#include "algorithm.h"

#include <string.h>

enum { INTEGER = 0x02, SEQUENCE = 0x30, CONTEXT = 0xa0 };

#define DER_NULL "\x05\x00"
#define MGF1 "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x08"
#define PSS "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a"
#define ED25519 "\x06\x03\x2b\x65\x70"

static void put(struct algorithm *a, const void *bytes, size_t n)
{
    a->start -= n;
    memcpy(a->buffer + a->start, bytes, n);
}

static void put_oid(struct algorithm *a, const char *oid) { put(a, oid, 2 + (size_t)oid[1]); }

static void put_null(struct algorithm *a) { put(a, DER_NULL, 2); }

/* Puts the header of a value whose contents go from here to the end. */
static void put_header(struct algorithm *a, int tag, size_t end)
{
    uint8_t header[] = { (uint8_t)tag, (uint8_t)(end - a->start) };

    put(a, header, sizeof header);
}

/* The beginning and the end of all functions. */
static void begin(struct algorithm *a) { a->start = sizeof a->buffer; }
static void end(struct algorithm *a) { put_header(a, SEQUENCE, sizeof a->buffer); }

void algorithm_pkcs1(struct algorithm *a, const struct digest *d)
{
    begin(a);
    if (d->with_rsa == NULL)
        return;
    put_null(a);
    put_oid(a, d->with_rsa);
    end(a);
}

void algorithm_ecdsa(struct algorithm *a, const struct digest *d)
{
    begin(a);
    if (d->with_ecdsa == NULL)
        return;
    put_oid(a, d->with_ecdsa);
    end(a);
}

void algorithm_ed25519(struct algorithm *a)
{
    begin(a);
    put_oid(a, ED25519);
    end(a);
}

/* RFC 4055, section 2.1: the parameters of a hash are NULL. */
static void put_hash(struct algorithm *a, const struct digest *d)
{
    size_t after = a->start;

    put_null(a);
    put_oid(a, d->oid);
    put_header(a, SEQUENCE, after);
}

static void put_salt(struct algorithm *a, uint16_t salt)
{
    uint8_t bytes[] = { 0, (uint8_t)(salt >> 8), (uint8_t)salt };
    size_t skip = 0;

    while (skip < 2 && bytes[skip] == 0 && bytes[skip + 1] < 0x80)
        skip++;
    put(a, bytes + skip, sizeof bytes - skip);
}

/*
 * RFC 4055, section 3.1. Parameters that have their default, which are SHA-1, MGF1 with SHA-1, and
 * 20 bytes, are left out. It has no SHA-3.
 */
void algorithm_pss(struct algorithm *a, const struct digest *d, uint16_t salt)
{
    size_t after;

    begin(a);
    if (d->oid == NULL || strncmp(d->names[0], "SHA3-", 5) == 0)
        return;
    if (salt != 20) {
        put_salt(a, salt);
        put_header(a, INTEGER, sizeof a->buffer);
        put_header(a, CONTEXT + 2, sizeof a->buffer);
    }
    if (strcmp(d->names[0], "SHA1") != 0) {
        after = a->start;
        put_hash(a, d);
        put_oid(a, MGF1);
        put_header(a, SEQUENCE, after);
        put_header(a, CONTEXT + 1, after);
        after = a->start;
        put_hash(a, d);
        put_header(a, CONTEXT, after);
    }
    put_header(a, SEQUENCE, sizeof a->buffer);
    put_oid(a, PSS);
    end(a);
}
