/* Requests outside jobs: they block the thread. */
#ifndef AP_BLOCKING_H
#define AP_BLOCKING_H

#include "client.h"

/* Connections to one server, as many as there are requests at once. */
struct pool;

/* The path stays the caller's, and valid. A pool is never freed. NULL: no memory. */
struct pool *pool_new(const char *path);

/* Sends a request that fits, and waits for the answer. */
void blocking_ask(struct pool *p, const struct request *r, uint32_t timeout_ms, struct answer *a);

/* Around a fork of the process. */
void pool_before_fork(struct pool *p);
void pool_in_parent(struct pool *p);
void pool_in_child(struct pool *p);

#endif
