#include "digest.h"

#include "frame.h"

/* Object identifiers without their last byte. */
#define PKCS1 "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01"          /* 1.2.840.113549.1.1 */
#define ECDSA_SHA2 "\x06\x08\x2a\x86\x48\xce\x3d\x04\x03"         /* 1.2.840.10045.4.3 */
#define NIST_HASHES "\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02"    /* 2.16.840.1.101.3.4.2 */
#define NIST_SIGNATURES "\x06\x09\x60\x86\x48\x01\x65\x03\x04\x03" /* 2.16.840.1.101.3.4.3 */

/* RFC 8017, appendix B.1; RFC 5758; NIST's register of algorithms. */
static const struct digest digests[] = {
    { { "SHA1", "SHA-1", "SSL3-SHA1", "1.3.14.3.2.26" }, HASH_SHA1, 20, false,
      "\x06\x05\x2b\x0e\x03\x02\x1a", PKCS1 "\x05", "\x06\x07\x2a\x86\x48\xce\x3d\x04\x01" },
    { { "SHA224", "SHA2-224", "SHA-224", "2.16.840.1.101.3.4.2.4" }, HASH_SHA224, 28, false,
      NIST_HASHES "\x04", PKCS1 "\x0e", ECDSA_SHA2 "\x01" },
    { { "SHA256", "SHA2-256", "SHA-256", "2.16.840.1.101.3.4.2.1" }, HASH_SHA256, 32, false,
      NIST_HASHES "\x01", PKCS1 "\x0b", ECDSA_SHA2 "\x02" },
    { { "SHA384", "SHA2-384", "SHA-384", "2.16.840.1.101.3.4.2.2" }, HASH_SHA384, 48, false,
      NIST_HASHES "\x02", PKCS1 "\x0c", ECDSA_SHA2 "\x03" },
    { { "SHA512", "SHA2-512", "SHA-512", "2.16.840.1.101.3.4.2.3" }, HASH_SHA512, 64, false,
      NIST_HASHES "\x03", PKCS1 "\x0d", ECDSA_SHA2 "\x04" },
    { { "MD5-SHA1" }, HASH_MD5_SHA1, 36, true,
      NULL, NULL, NULL },
    { { "SHA512-256", "SHA2-512/256", "SHA-512/256", "2.16.840.1.101.3.4.2.6" }, HASH_SHA512_256, 32, false,
      NIST_HASHES "\x06", PKCS1 "\x10", NULL },
    { { "SHA3-256", "2.16.840.1.101.3.4.2.8" }, HASH_SHA3_256, 32, false,
      NIST_HASHES "\x08", NIST_SIGNATURES "\x0e", NIST_SIGNATURES "\x0a" },
    { { "SHA3-384", "2.16.840.1.101.3.4.2.9" }, HASH_SHA3_384, 48, false,
      NIST_HASHES "\x09", NIST_SIGNATURES "\x0f", NIST_SIGNATURES "\x0b" },
    { { "SHA3-512", "2.16.840.1.101.3.4.2.10" }, HASH_SHA3_512, 64, false,
      NIST_HASHES "\x0a", NIST_SIGNATURES "\x10", NIST_SIGNATURES "\x0c" },
};

enum { NUM_DIGESTS = sizeof digests / sizeof digests[0] };

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c; }

/* strcasecmp would depend on the program's locale: Turkish has another small I. */
static bool equal(const char *a, const char *b)
{
    while (lower(*a) == lower(*b) && *a != '\0') {
        a++;
        b++;
    }
    return lower(*a) == lower(*b);
}

const struct digest *digest_named(const char *name)
{
    for (const struct digest *d = digests; d < digests + NUM_DIGESTS; d++)
        for (const char *const *n = d->names; *n != NULL; n++)
            if (equal(*n, name))
                return d;
    return NULL;
}

const struct digest *digest_of_size(size_t size)
{
    for (const struct digest *d = digests; d < digests + NUM_DIGESTS; d++)
        if (d->size == size)
            return d;
    return NULL;
}
