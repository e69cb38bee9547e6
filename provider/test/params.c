/* params.h against libcrypto's own functions for OSSL_PARAM. */
#include "params.h"

#include "../../cabi/test/check.h"

#include <limits.h>
#include <string.h>

static const long long numbers[] = {
    0, 1, -1, 127, 128, -128, -129, 255, 256, 65535, INT_MAX, INT_MIN,
    (long long)INT_MAX + 1, (long long)INT_MIN - 1, UINT_MAX, LLONG_MAX, LLONG_MIN,
};
enum { NUMBERS = sizeof numbers / sizeof *numbers };

/* Integers of every type and size that libcrypto's functions know. */
static void test_get_int(void)
{
    size_t i, size;
    unsigned type;

    for (type = OSSL_PARAM_INTEGER; type <= OSSL_PARAM_UNSIGNED_INTEGER; type++) {
        for (size = 4; size <= 8; size += 4) {
            for (i = 0; i < NUMBERS; i++) {
                long long wide = numbers[i];
                int narrow = (int)numbers[i], want = 42, got = 42;
                OSSL_PARAM p = { "n", type, size == 4 ? (void *)&narrow : (void *)&wide, size, 0 };

                CHECK(param_get_int(&p, &got) == OSSL_PARAM_get_int(&p, &want));
                CHECK(got == want);
            }
        }
    }
}

static void test_get_int_of_odd_sizes(void)
{
    int8_t small = -2;
    uint8_t large = 200;
    int16_t medium = -300;
    int got = 42;

    CHECK(param_get_int(&(OSSL_PARAM){ "n", OSSL_PARAM_INTEGER, &small, 1, 0 }, &got) && got == -2);
    CHECK(param_get_int(&(OSSL_PARAM){ "n", OSSL_PARAM_UNSIGNED_INTEGER, &large, 1, 0 }, &got) && got == 200);
    CHECK(param_get_int(&(OSSL_PARAM){ "n", OSSL_PARAM_INTEGER, &medium, 2, 0 }, &got) && got == -300);
    got = 42;
    CHECK(!param_get_int(&(OSSL_PARAM){ "n", OSSL_PARAM_INTEGER, NULL, 4, 0 }, &got));
    CHECK(!param_get_int(&(OSSL_PARAM){ "n", OSSL_PARAM_INTEGER, &small, 0, 0 }, &got));
    CHECK(!param_get_int(&(OSSL_PARAM){ "n", OSSL_PARAM_UTF8_STRING, "7", 1, 0 }, &got));
    CHECK(got == 42);
}

static void test_set_int(void)
{
    size_t i, size;
    unsigned type;

    for (type = OSSL_PARAM_INTEGER; type <= OSSL_PARAM_UNSIGNED_INTEGER; type++) {
        for (size = 4; size <= 8; size += 4) {
            for (i = 0; i < NUMBERS; i++) {
                long long ours = 0x5555555555555555, theirs = ours;
                OSSL_PARAM p[] = {
                    { "other", OSSL_PARAM_INTEGER, NULL, 0, 0 }, { "n", type, &ours, size, 0 }, OSSL_PARAM_END,
                };
                OSSL_PARAM q = { "n", type, &theirs, size, 0 };

                if (numbers[i] != (int)numbers[i])
                    continue;
                CHECK(param_set_int(p, "n", (int)numbers[i]) == OSSL_PARAM_set_int(&q, (int)numbers[i]));
                CHECK(ours == theirs);
                CHECK(p[1].return_size == q.return_size);
            }
        }
    }
}

static void test_numbers(void)
{
    static const uint8_t value[] = { 0xf1, 2, 3, 4, 5 };
    BIGNUM *n = BN_bin2bn(value, sizeof value, NULL);
    uint8_t ours[9], theirs[9];
    size_t size;

    CHECK(n != NULL);
    for (size = 0; size <= sizeof ours; size++) {
        OSSL_PARAM p[] = { OSSL_PARAM_BN("n", ours, size), OSSL_PARAM_END }, q = OSSL_PARAM_BN("n", theirs, size);

        memset(ours, 0x55, sizeof ours);
        memset(theirs, 0x55, sizeof theirs);
        CHECK(param_set_number(p, "n", value, sizeof value) == OSSL_PARAM_set_BN(&q, n));
        CHECK(p->return_size == q.return_size);
        CHECK(memcmp(ours, theirs, sizeof ours) == 0);
    }
    BN_free(n);
}

/* A caller without a buffer asks for the size. */
static void test_sizes(void)
{
    OSSL_PARAM p[] = {
        OSSL_PARAM_BN("number", NULL, 0), OSSL_PARAM_utf8_string("text", NULL, 0),
        OSSL_PARAM_octet_string("octets", NULL, 0), OSSL_PARAM_int("int", NULL),
        OSSL_PARAM_utf8_ptr("pointer", NULL, 0), OSSL_PARAM_END,
    };

    CHECK(param_set_number(p, "number", (const uint8_t *)"\1\2\3", 3) && p[0].return_size == 3);
    CHECK(param_set_text(p, "text", "four") && p[1].return_size == 4);
    CHECK(param_set_octets(p, "octets", (const uint8_t *)"12345", 5) && p[2].return_size == 5);
    CHECK(param_set_int(p, "int", 6) && p[3].return_size == sizeof(int));
    CHECK(param_set_text(p, "pointer", "seven") && p[4].return_size == 5);
}

static void test_texts(void)
{
    char ours[6], theirs[6];
    const char *ours_pointer = NULL, *theirs_pointer = NULL, *null = NULL;
    size_t size;

    for (size = 0; size <= sizeof ours; size++) {
        OSSL_PARAM p[] = { OSSL_PARAM_utf8_string("t", ours, size), OSSL_PARAM_END },
                   q = OSSL_PARAM_utf8_string("t", theirs, size);

        memset(ours, 0x55, sizeof ours);
        memset(theirs, 0x55, sizeof theirs);
        CHECK(param_set_text(p, "t", "four") == OSSL_PARAM_set_utf8_string(&q, "four"));
        CHECK(p->return_size == q.return_size);
        CHECK(memcmp(ours, theirs, sizeof ours) == 0);
    }
    CHECK(param_set_text((OSSL_PARAM[]){ OSSL_PARAM_utf8_ptr("t", &ours_pointer, 0), OSSL_PARAM_END }, "t", "x"));
    CHECK(OSSL_PARAM_set_utf8_ptr(&(OSSL_PARAM)OSSL_PARAM_utf8_ptr("t", &theirs_pointer, 0), "x"));
    CHECK(strcmp(ours_pointer, theirs_pointer) == 0);

    CHECK(param_get_text(&(OSSL_PARAM)OSSL_PARAM_utf8_string("t", "four", 4), ours, 5) && strcmp(ours, "four") == 0);
    CHECK(!param_get_text(&(OSSL_PARAM)OSSL_PARAM_utf8_string("t", "four", 4), ours, 4));
    CHECK(param_get_text(&(OSSL_PARAM)OSSL_PARAM_utf8_string("t", "fo\0r", 4), ours, 5) && strcmp(ours, "fo") == 0);
    CHECK(param_get_text(&(OSSL_PARAM)OSSL_PARAM_utf8_string("t", "fourteen", 2), ours, 5) && strcmp(ours, "fo") == 0);
    CHECK(param_get_text(&(OSSL_PARAM)OSSL_PARAM_utf8_ptr("t", &ours_pointer, 0), ours, 2) && strcmp(ours, "x") == 0);
    CHECK(!param_get_text(&(OSSL_PARAM)OSSL_PARAM_utf8_ptr("t", &null, 0), ours, 2));
    CHECK(!param_get_text(&(OSSL_PARAM)OSSL_PARAM_utf8_ptr("t", NULL, 0), ours, 2));
    CHECK(!param_get_text(&(OSSL_PARAM)OSSL_PARAM_utf8_string("t", NULL, 0), ours, 2));
    CHECK(!param_get_text(&(OSSL_PARAM)OSSL_PARAM_octet_string("t", "a", 1), ours, 2));
}

static void test_octets(void)
{
    uint8_t ours[6], theirs[6];
    size_t size;

    for (size = 0; size <= sizeof ours; size++) {
        OSSL_PARAM p[] = { OSSL_PARAM_octet_string("o", ours, size), OSSL_PARAM_END },
                   q = OSSL_PARAM_octet_string("o", theirs, size);

        memset(ours, 0x55, sizeof ours);
        memset(theirs, 0x55, sizeof theirs);
        CHECK(param_set_octets(p, "o", (const uint8_t *)"four", 4) == OSSL_PARAM_set_octet_string(&q, "four", 4));
        CHECK(p->return_size == q.return_size);
        CHECK(memcmp(ours, theirs, sizeof ours) == 0);
    }
}

/* What is not asked for is no failure; what is asked for as another type is one. */
static void test_wrong_requests(void)
{
    char buffer[8];
    OSSL_PARAM p[] = { OSSL_PARAM_octet_string("x", buffer, sizeof buffer), OSSL_PARAM_END };

    CHECK(param_find(NULL, "x") == NULL && param_find(p, "y") == NULL && param_find(p, "x") == p);
    CHECK(param_set_int(NULL, "x", 1) && param_set_int(p, "y", 1) && !param_set_int(p, "x", 1));
    CHECK(param_set_text(NULL, "x", "") && param_set_text(p, "y", "") && !param_set_text(p, "x", ""));
    CHECK(param_set_number(NULL, "x", NULL, 0) && param_set_number(p, "y", NULL, 0));
    CHECK(!param_set_number(p, "x", NULL, 0));
    p[0].data_type = OSSL_PARAM_INTEGER;
    CHECK(param_set_octets(NULL, "x", NULL, 0) && param_set_octets(p, "y", NULL, 0));
    CHECK(!param_set_octets(p, "x", NULL, 0));
}

int main(void)
{
    test_get_int();
    test_get_int_of_odd_sizes();
    test_set_int();
    test_numbers();
    test_sizes();
    test_texts();
    test_octets();
    test_wrong_requests();
    return 0;
}
