/*
 * The message of a signature. A short one goes to the key server whole, which can then hold a key
 * to messages of one kind, such as those of TLS 1.3 handshakes. A longer one is hashed here.
 */
#ifndef AP_MESSAGE_H
#define AP_MESSAGE_H

#include "digest.h"
#include "provider.h"

struct request;

enum { MESSAGE_WHOLE = 4096 }; /* the most bytes of a message that goes whole, if it has a digest */

/* All zero is an empty message. */
struct message {
    uint8_t *whole; /* MESSAGE_WHOLE bytes, of which size are the message so far; NULL at first */
    size_t size;
    EVP_MD_CTX *hash; /* of a longer message; else NULL */
};

/* Appends data to a message whose digest is d. Otherwise raises an error and returns false. */
bool message_add(struct message *m, const struct provider *p, const struct digest *d, const uint8_t *data,
                 size_t size);

/*
 * Appends the end of the message and sets the data of the request, which is the message or
 * digest's contents. The data is valid as long as m, digest and the message's end are. Otherwise
 * raises an error and returns false.
 */
bool message_end(struct message *m, const struct provider *p, const struct digest *d, const uint8_t *data,
                 size_t size, uint8_t digest[DIGEST_MAX_SIZE], struct request *r);

/*
 * Makes *to, which holds nothing, a copy. Otherwise raises an error and returns false; *to must
 * then be cleared all the same.
 */
bool message_copy(struct message *to, const struct message *from, const struct provider *p);

/* Wipes and frees the message, which is empty afterwards. */
void message_clear(struct message *m, const struct provider *p);

#endif
