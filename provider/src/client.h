/* Questions to a key server, in a job and outside of one. */
#ifndef AP_CLIENT_H
#define AP_CLIENT_H

#include <stddef.h>
#include <stdint.h>

struct provider;

/*
 * A key server: the path of its socket, and the milliseconds after which it does not answer. All
 * providers of the process share one for each path and timeout. It is never freed. NULL if there
 * is no memory.
 */
struct server;
struct server *server_get(const char *path, uint32_t timeout_ms);
const char *server_path(const struct server *s);
uint32_t server_timeout(const struct server *s);

/* A request, in the numbers of the protocol: see `go doc asynccrypto/remote/internal/wire`. */
struct request {
    uint8_t op, hash, padding, message;
    uint16_t salt;
    const uint8_t *key; /* 32 bytes, or NULL: then name tells the key */
    const char *name;
    const uint8_t *data;
    size_t size;
};

enum ask {
    ASK_OK = 0, ASK_NO_KEY, ASK_DENIED, ASK_BAD, ASK_FAILED, ASK_EXPIRED, ASK_BUSY, ASK_UNAVAILABLE, /* the protocol's */
    ASK_NO_SERVER = 100, /* it has not answered until the deadline */
    ASK_MEMORY,
    ASK_MALFORMED /* it has broken the protocol */
};

struct answer {
    enum ask status;
    uint8_t *data; /* of ASK_OK: the caller frees it */
    size_t size;
    char text[513]; /* of another status of the protocol */
};

/*
 * Sends a request to the provider's server, and waits for the answer. In a job it pauses the job;
 * otherwise it blocks the thread. It raises no error: the caller does.
 */
void ask(const struct provider *p, const struct request *request, struct answer *answer);

#endif
