/* Checks frame.c against bytes that were written by hand after the protocol's documentation. */
#include "../../cabi/test/check.h"
#include "frame.h"

#include <string.h>

#define BYTES(text) ((struct bytes){ (const uint8_t *)(text), sizeof(text) - 1 })

static void check_bytes(const uint8_t *got, struct bytes want) { CHECK(memcmp(got, want.data, want.size) == 0); }

static void check_hello(void)
{
    static const char hello[] = "\0\0\0\x10" "AKSP" "\0\1" "\0\1" "\0\0\x80\0" "\0\0\0\0";
    uint8_t frame[FRAME_HELLO];

    frame_put_hello(frame);
    CHECK(sizeof(frame) == sizeof(hello) - 1);
    check_bytes(frame, BYTES(hello));
}

static void check_sign(void)
{
    static const uint8_t id[FRAME_KEY_ID] = "0123456789abcdefghijklmnopqrstuv";
    const struct request r = { .op = OP_SIGN, .hash = HASH_SHA384, .padding = PADDING_PSS, .message = true, .salt = 0x130,
                               .key = id, .data = (const uint8_t *)"message", .size = 7 };
    static const char want[] = "\0\0\0\x43" "\1\2\3\4\5\6\7\x08" "\1\4\2\1" "\1\x30" "\0\0" "\0\0\x13\x88" "\0\0\0\0\0\0\0\0"
                               "0123456789abcdefghijklmnopqrstuv" "message";
    uint8_t frame[sizeof(want) - 1];

    CHECK(request_fits(&r));
    CHECK(frame_request_size(&r) == sizeof(frame));
    memset(frame, 0xee, sizeof(frame));
    frame_put_request(frame, &r, 1);
    frame_set_id(frame, 0x0102030405060708);
    frame_set_timeout(frame, 5000);
    check_bytes(frame, BYTES(want));
}

static void check_list(void)
{
    const struct request r = { .op = OP_LIST, .name = "www" };
    static const char want[] = "\0\0\0\x3f" "\0\0\0\0\0\0\0\0" "\2\0\0\0" "\0\0" "\0\3" "\0\0\0\1" "\0\0\0\0\0\0\0\0"
                               "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0" "www";
    uint8_t frame[sizeof(want) - 1];

    CHECK(frame_request_size(&r) == sizeof(frame));
    frame_put_request(frame, &r, 1);
    check_bytes(frame, BYTES(want));
}

static void check_bounds(void)
{
    static char name[FRAME_MAX_NAME + 2];
    static uint8_t data[1];

    memset(name, 'n', FRAME_MAX_NAME);
    CHECK(request_fits(&(struct request){ .name = name, .data = data, .size = FRAME_MAX_DATA }));
    CHECK(!request_fits(&(struct request){ .data = data, .size = FRAME_MAX_DATA + 1 }));
    name[FRAME_MAX_NAME] = 'n';
    CHECK(!request_fits(&(struct request){ .name = name }));
}

static void check_take(void)
{
    static const char two[] = "\0\0\0\2" "ab" "\0\0\0\1" "c" "\0\0\0";
    struct bytes in, body;
    size_t n;

    for (n = 0; n < 6; n++) { /* not whole */
        in = (struct bytes){ (const uint8_t *)two, n };
        CHECK(frame_take(&in, &body) == 0 && in.size == n);
    }
    in = BYTES(two);
    CHECK(frame_take(&in, &body) == 1 && bytes_equal(body, BYTES("ab")));
    CHECK(frame_take(&in, &body) == 1 && bytes_equal(body, BYTES("c")));
    CHECK(frame_take(&in, &body) == 0 && in.size == 3);
    in = BYTES("\0\0\0\0");
    CHECK(frame_take(&in, &body) == -1);
    in = BYTES("\0\0\x80\1");
    CHECK(frame_take(&in, &body) == -1);
    in = BYTES("\0\0\x80\0");
    CHECK(frame_take(&in, &body) == 0);
    in = BYTES("\xff\xff\xff\xff");
    CHECK(frame_take(&in, &body) == -1);
}

static void check_answer(void)
{
    static char longest[9 + FRAME_MAX_TEXT + 1] = "\0\0\0\0\0\0\0\0\4";
    struct answer_frame a;

    CHECK(frame_answer(BYTES("\1\2\3\4\5\6\7\x08\0signature"), &a));
    CHECK(a.id == 0x0102030405060708 && a.status == 0 && bytes_equal(a.data, BYTES("signature")) && a.text.size == 0);
    CHECK(frame_answer(BYTES("\0\0\0\0\0\0\0\1\0"), &a) && a.data.size == 0);
    CHECK(frame_answer(BYTES("\0\0\0\0\0\0\0\1\2no"), &a));
    CHECK(a.id == 1 && a.status == 2 && bytes_equal(a.text, BYTES("no")) && a.data.size == 0);
    CHECK(frame_answer(BYTES("\0\0\0\0\0\0\0\0\7"), &a) && a.id == 0 && a.status == 7);
    CHECK(frame_answer((struct bytes){ (const uint8_t *)longest, 9 + FRAME_MAX_TEXT }, &a));
    CHECK(!frame_answer((struct bytes){ (const uint8_t *)longest, 9 + FRAME_MAX_TEXT + 1 }, &a));
    CHECK(!frame_answer(BYTES("\0\0\0\0\0\0\0\0\0signature"), &a));
    CHECK(!frame_answer(BYTES("\0\0\0\0\0\0\0\1"), &a));
}

static void check_server_hello(void)
{
    struct answer_frame refusal;
    uint32_t limit;

    CHECK(frame_hello(BYTES("AKSP\0\1\0\1\0\1\x10\0\0\0\1\0"), &limit, &refusal) && limit == 256);
    CHECK(frame_hello(BYTES("AKSP\0\1\0\1\0\1\x10\0\0\0\1\0more"), &limit, &refusal) && limit == 256);
    CHECK(!frame_hello(BYTES("AKSP\0\1\0\1\0\1\x10\0\0\0\0\0"), &limit, &refusal));
    CHECK(!frame_hello(BYTES("AKSP\0\2\0\2\0\1\x10\0\0\0\1\0"), &limit, &refusal));
    CHECK(!frame_hello(BYTES("AKSP\0\1\0\1\0\1\x10\0\0\0\1"), &limit, &refusal));
    CHECK(!frame_hello(BYTES("AKSQ\0\1\0\1\0\1\x10\0\0\0\1\0"), &limit, &refusal));
    CHECK(frame_hello(BYTES("\0\0\0\0\0\0\0\0\6full"), &limit, &refusal));
    CHECK(limit == 0 && refusal.status == 6 && bytes_equal(refusal.text, BYTES("full")));
    CHECK(!frame_hello(BYTES("\0\0\0\0\0\0\0\1\6full"), &limit, &refusal));
}

static void check_keys(void)
{
    static const char two[] = "\3www" "\0\4spki" "\2" "\4rule" "\0" "\0" "\0\0" "\0";
    struct bytes in = BYTES(two);
    struct listed_key k;
    size_t n;

    CHECK(frame_take_key(&in, &k) && bytes_equal(k.name, BYTES("www")) && bytes_equal(k.spki, BYTES("spki")));
    CHECK(frame_take_key(&in, &k) && k.name.size == 0 && k.spki.size == 0);
    CHECK(in.size == 0 && !frame_take_key(&in, &k));
    for (n = 0; n < sizeof(two) - 1 - 4; n++) { /* the first one is cut */
        in = (struct bytes){ (const uint8_t *)two, n };
        CHECK(!frame_take_key(&in, &k) && in.size == n);
    }
}

static void check_text(void)
{
    char to[FRAME_MAX_TEXT + 1], longer[FRAME_MAX_TEXT + 1];

    frame_copy_text(to, BYTES("a\x1b[1m~\n\0\x7f\xc3\xa9 "));
    CHECK(strcmp(to, "a?[1m~????? ") == 0);
    frame_copy_text(to, (struct bytes){ NULL, 0 });
    CHECK(to[0] == '\0');
    memset(longer, 'x', sizeof(longer));
    frame_copy_text(to, (struct bytes){ (const uint8_t *)longer, sizeof(longer) });
    CHECK(strlen(to) == FRAME_MAX_TEXT);
}

int main(void)
{
    check_hello();
    check_sign();
    check_list();
    check_bounds();
    check_take();
    check_answer();
    check_server_hello();
    check_keys();
    check_text();
    return 0;
}
