/*
 * The main function of tests whose input is any bytes. Each has a function LLVMFuzzerTestOneInput,
 * which libFuzzer calls with inputs of its own ("make fuzz"). In the ordinary tests it gets the
 * files that the command line names, all their prefixes, and copies with one byte changed.
 */
#ifndef CORPUS_H
#define CORPUS_H

#include "../../cabi/test/check.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#ifndef LIBFUZZER

/* The copy is as long as the input, so that a sanitizer sees each read past its end. */
static void test_copy(const uint8_t *data, size_t size, size_t changed, uint8_t change)
{
    uint8_t *copy = malloc(size);

    CHECK(copy != NULL || size == 0);
    if (size > 0)
        memcpy(copy, data, size);
    if (changed < size)
        copy[changed] ^= change;
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static void test_file(const char *name)
{
    static uint8_t data[1 << 16];
    FILE *f = fopen(name, "rb");
    size_t size, i, step;
    unsigned change;

    CHECK(f != NULL);
    size = fread(data, 1, sizeof data, f);
    CHECK(size > 0 && size < sizeof data);
    fclose(f);
    test_copy(data, size, size, 0);
    step = getenv("CHECK_QUICK") == NULL ? 1 : size / 128 + 1;
    for (i = 0; i < size; i += step) {
        test_copy(data, i, size, 0);
        for (change = 1; change < 0x100; change <<= 1)
            test_copy(data, size, i, (uint8_t)change);
    }
}

int main(int argc, char **argv)
{
    int i;

    CHECK(argc > 1);
    LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
    for (i = 1; i < argc; i++)
        test_file(argv[i]);
    return 0;
}

#endif
#endif
