/*
 * A fuzz target for what frame.c reads: a stream of a server, that is a hello, answers, and lists
 * of keys in them. Without libFuzzer, main gives it streams with a few changed bytes.
 */
#include "../../cabi/test/check.h"
#include "frame.h"

#include <stdbool.h>
#include <string.h>

static bool is_within(struct bytes part, struct bytes all)
{
    return part.size == 0 || (part.data >= all.data && part.size <= all.size && part.data + part.size <= all.data + all.size);
}

static void check_list(struct bytes data)
{
    struct bytes rest = data;
    struct listed_key k;

    while (frame_take_key(&rest, &k)) {
        CHECK(is_within(k.name, data) && k.name.size <= FRAME_MAX_NAME);
        CHECK(is_within(k.spki, data) && k.spki.size <= FRAME_MAX_SPKI);
        CHECK(is_within(rest, data) && rest.size < data.size);
        data = rest;
    }
}

static void check_answer(struct bytes body)
{
    char text[FRAME_MAX_TEXT + 1];
    struct answer_frame a;

    if (!frame_answer(body, &a))
        return;
    CHECK(is_within(a.data, body) && is_within(a.text, body));
    CHECK(a.status == 0 ? a.id != 0 && a.text.size == 0 : a.data.size == 0);
    frame_copy_text(text, a.text);
    CHECK(strlen(text) == a.text.size);
    check_list(a.data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes in = { data, size }, body;
    struct answer_frame refusal;
    uint32_t limit;
    bool first = true;
    size_t before;

    for (before = size; frame_take(&in, &body) == 1; before = in.size) {
        CHECK(body.size > 0 && body.size <= FRAME_MAX_BODY);
        CHECK(body.data + body.size == in.data && before == FRAME_HEAD + body.size + in.size);
        if (first && frame_hello(body, &limit, &refusal))
            CHECK(limit > 0 || refusal.id == 0);
        check_answer(body);
        first = false;
    }
    CHECK(in.size == before);
    return 0;
}

#ifndef LIBFUZZER

#define SEED(text) { (const uint8_t *)(text), sizeof(text) - 1 }

static const struct bytes seeds[] = {
    SEED("\0\0\0\x10" "AKSP\0\1\0\1\0\1\x10\0\0\0\1\0" "\0\0\0\x0c" "\0\0\0\0\0\0\0\1\0sig" "\0\0\0\x0b" "\0\0\0\1\0\0\0\2\2no"),
    SEED("\0\0\0\x0d" "\0\0\0\0\0\0\0\0\6full"),
    SEED("\0\0\0\x1c" "\0\0\0\0\0\0\0\1\0" "\3www" "\0\3key" "\1" "\2ab" "\1x" "\0\0" "\0"),
};

int main(void)
{
    unsigned random = 1;
    int i, changes, n = repetitions(1000000, 20);

    for (i = 0; i < n; i++) {
        const struct bytes *seed = &seeds[i % (int)(sizeof(seeds) / sizeof(seeds[0]))];

        size_t size = seed->size - (size_t)(i % 5);
        uint8_t *copy = malloc(size); /* sanitizers watch its end */

        CHECK(copy != NULL);
        memcpy(copy, seed->data, size);
        for (changes = i % 4; changes > 0; changes--) {
            random = random * 1103515245 + 12345;
            copy[(random >> 16) % size] = (uint8_t)(random >> 8);
        }
        LLVMFuzzerTestOneInput(copy, size);
        free(copy);
    }
    return 0;
}

#endif
