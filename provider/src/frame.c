#include "frame.h"

#include <string.h>

/* Offsets in bodies. */
enum { ID = 0, OP = 8, HASH = 9, PADDING = 10, FLAGS = 11, SALT = 12, NAME_SIZE = 15, TIMEOUT = 16, KEY = 28, NAME = 60 };
enum { STATUS = 8, ANSWER_DATA = 9 };
enum { MAGIC = 0, OLDEST = 4, NEWEST = 6, MAX_FRAME = 8, IN_FLIGHT = 12, HELLO_SIZE = 16 };

enum { FLAG_MESSAGE = 1 };
enum { VERSION = 1 };

static const uint8_t magic[4] = { 'A', 'K', 'S', 'P' };

/* Numbers of size bytes, big endian. */
static void put(uint8_t *to, size_t size, uint64_t number)
{
    for (; size > 0; number >>= 8)
        to[--size] = (uint8_t)number;
}

static uint64_t get(const uint8_t *from, size_t size)
{
    uint64_t number = 0;

    for (; size > 0; size--)
        number = number << 8 | *from++;
    return number;
}

static void copy(uint8_t *to, const void *from, size_t size)
{
    if (size > 0) /* otherwise from may be NULL */
        memcpy(to, from, size);
}

static size_t name_size(const struct request *r) { return r->name == NULL ? 0 : strlen(r->name); }

bool request_fits(const struct request *r) { return name_size(r) <= FRAME_MAX_NAME && r->size <= FRAME_MAX_DATA; }

size_t frame_request_size(const struct request *r) { return FRAME_HEAD + NAME + name_size(r) + r->size; }

void frame_put_request(uint8_t *frame, const struct request *r, uint32_t timeout_ms)
{
    uint8_t *body = frame + FRAME_HEAD;
    size_t n = name_size(r);

    put(frame, FRAME_HEAD, frame_request_size(r) - FRAME_HEAD);
    memset(body, 0, NAME);
    body[OP] = r->op;
    body[HASH] = r->hash;
    body[PADDING] = r->padding;
    body[FLAGS] = r->message ? FLAG_MESSAGE : 0;
    put(body + SALT, 2, r->salt);
    body[NAME_SIZE] = (uint8_t)n;
    put(body + TIMEOUT, 4, timeout_ms);
    if (r->key != NULL)
        memcpy(body + KEY, r->key, FRAME_KEY_ID);
    copy(body + NAME, r->name, n);
    copy(body + NAME + n, r->data, r->size);
}

void frame_set_id(uint8_t *frame, uint64_t id) { put(frame + FRAME_HEAD + ID, 8, id); }

void frame_set_timeout(uint8_t *frame, uint32_t timeout_ms) { put(frame + FRAME_HEAD + TIMEOUT, 4, timeout_ms); }

void frame_put_hello(uint8_t frame[FRAME_HELLO])
{
    uint8_t *body = frame + FRAME_HEAD;

    put(frame, FRAME_HEAD, HELLO_SIZE);
    memcpy(body + MAGIC, magic, sizeof(magic));
    put(body + OLDEST, 2, VERSION);
    put(body + NEWEST, 2, VERSION);
    put(body + MAX_FRAME, 4, FRAME_MAX_BODY);
    put(body + IN_FLIGHT, 4, 0);
}

/* Takes bytes from the front of *in. */
static bool take(struct bytes *in, size_t size, struct bytes *taken)
{
    if (in->size < size)
        return false;
    *taken = (struct bytes){ in->data, size };
    in->data += size;
    in->size -= size;
    return true;
}

/* Takes bytes that stand after their number, which has a number of bytes. */
static bool take_counted(struct bytes *in, size_t count_bytes, struct bytes *taken)
{
    struct bytes count;

    return take(in, count_bytes, &count) && take(in, get(count.data, count_bytes), taken);
}

int frame_take(struct bytes *in, struct bytes *body)
{
    struct bytes rest = *in;
    uint64_t size;

    if (in->size < FRAME_HEAD)
        return 0;
    size = get(in->data, FRAME_HEAD);
    if (size == 0 || size > FRAME_MAX_BODY)
        return -1;
    if (!take_counted(&rest, FRAME_HEAD, body))
        return 0;
    *in = rest;
    return 1;
}

bool frame_answer(struct bytes body, struct answer_frame *a)
{
    struct bytes head;

    if (!take(&body, ANSWER_DATA, &head))
        return false;
    *a = (struct answer_frame){ .id = get(head.data + ID, 8), .status = head.data[STATUS] };
    if (a->status == 0) {
        a->data = body;
        return a->id != 0;
    }
    a->text = body;
    return body.size <= FRAME_MAX_TEXT;
}

bool frame_hello(struct bytes body, uint32_t *in_flight, struct answer_frame *refusal)
{
    *in_flight = 0;
    if (body.size < HELLO_SIZE || memcmp(body.data + MAGIC, magic, sizeof(magic)) != 0)
        return frame_answer(body, refusal) && refusal->id == 0;
    *in_flight = (uint32_t)get(body.data + IN_FLIGHT, 4);
    return get(body.data + OLDEST, 2) == VERSION && get(body.data + NEWEST, 2) == VERSION && *in_flight > 0;
}

bool frame_take_key(struct bytes *data, struct listed_key *key)
{
    struct bytes rest = *data, rules, rule;
    struct listed_key k;
    unsigned i;

    if (!take_counted(&rest, 1, &k.name) || !take_counted(&rest, 2, &k.spki) || k.spki.size > FRAME_MAX_SPKI
        || !take(&rest, 1, &rules))
        return false;
    for (i = 0; i < rules.data[0]; i++) {
        if (!take_counted(&rest, 1, &rule))
            return false;
    }
    *data = rest;
    *key = k;
    return true;
}

void frame_copy_text(char to[FRAME_MAX_TEXT + 1], struct bytes text)
{
    size_t i, size = text.size < FRAME_MAX_TEXT ? text.size : FRAME_MAX_TEXT;

    for (i = 0; i < size; i++)
        to[i] = text.data[i] >= ' ' && text.data[i] <= '~' ? (char)text.data[i] : '?';
    to[size] = '\0';
}
