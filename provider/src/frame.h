/*
 * The frames of a key server's protocol, version 1. `go doc asynccrypto/remote/internal/wire` has
 * their layout, bounds and meaning. Nothing here allocates, or reads past its input.
 */
#ifndef AP_FRAME_H
#define AP_FRAME_H

#include "der.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The numbers of the protocol. */
enum { OP_SIGN = 1, OP_LIST = 2, OP_PING = 3 };
enum { PADDING_NONE = 0, PADDING_PKCS1 = 1, PADDING_PSS = 2 };
enum {
    HASH_NONE = 0, HASH_SHA1, HASH_SHA224, HASH_SHA256, HASH_SHA384, HASH_SHA512, HASH_MD5_SHA1, HASH_SHA512_256,
    HASH_SHA3_256, HASH_SHA3_384, HASH_SHA3_512
};

/* The bounds of the protocol, in bytes. */
enum {
    FRAME_HEAD = 4,               /* the length before each body */
    FRAME_KEY_ID = 32,            /* of request.key */
    FRAME_MAX_NAME = 255,         /* of request.name */
    FRAME_MAX_DATA = 64 << 10,    /* of request.data */
    FRAME_MAX_TEXT = 512,         /* of answer_frame.text */
    FRAME_MAX_SPKI = 8 << 10,     /* of a key that is listed */
    FRAME_MAX_BODY = 32 << 10,    /* of a body that we accept */
    FRAME_HELLO = FRAME_HEAD + 16 /* the frame of our hello */
};

struct request {
    uint8_t op, hash, padding;
    bool message; /* data is the whole message, which the server hashes */
    uint16_t salt; /* of PSS: its length */
    const uint8_t *key; /* FRAME_KEY_ID bytes, or NULL */
    const char *name;   /* or NULL */
    const uint8_t *data; /* or NULL if size is 0 */
    size_t size;
};

/* Reports whether the parts of a request are within the bounds. */
bool request_fits(const struct request *r);

/* The size of a request's frame, and the frame. The request fits; the timeout is not 0. */
size_t frame_request_size(const struct request *r);
void frame_put_request(uint8_t *frame, const struct request *r, uint32_t timeout_ms);
/* Changes the number and the timeout of a request's frame, so that it can be sent, or sent again. */
void frame_set_id(uint8_t *frame, uint64_t id);
void frame_set_timeout(uint8_t *frame, uint32_t timeout_ms);

void frame_put_hello(uint8_t frame[FRAME_HELLO]);

/*
 * Takes the body of a frame from the front of *in. Returns 1, 0 if the frame is not whole yet, and
 * -1 if the peer breaks the protocol. The longest frame has FRAME_HEAD + FRAME_MAX_BODY bytes.
 */
int frame_take(struct bytes *in, struct bytes *body);

struct answer_frame {
    uint64_t id;       /* of the request; 0: the server closes the connection */
    uint8_t status;    /* of enum ask */
    struct bytes data; /* of the status 0; refers to the body */
    struct bytes text; /* of all others; refers to the body */
};

/* Parse a body. They report whether it keeps to the protocol. */
bool frame_answer(struct bytes body, struct answer_frame *a);

/*
 * Parses the first body of a server. It is a hello, and *in_flight is then the most requests at
 * once, or, if the server refuses the client, an answer with the number 0, and *in_flight is 0.
 */
bool frame_hello(struct bytes body, uint32_t *in_flight, struct answer_frame *refusal);

struct listed_key {
    struct bytes name, spki; /* refer to the data */
};

/*
 * Takes a key from the front of the data of an answer to OP_LIST. Reports whether there is a whole
 * one, within the bounds.
 */
bool frame_take_key(struct bytes *data, struct listed_key *key);

/*
 * Copies a text of the server, with a NUL. Bytes that are no printable ASCII become question marks,
 * so that the text can do nothing to a terminal or a log.
 */
void frame_copy_text(char to[FRAME_MAX_TEXT + 1], struct bytes text);

#endif
