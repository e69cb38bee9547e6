/* The requests of all jobs of a process to one key server. */
#ifndef AP_HUB_H
#define AP_HUB_H

#include "client.h"
#include "libcrypto.h"

struct hub;

/* The path stays the caller's, and valid. A hub is never freed. NULL: no memory. */
struct hub *hub_new(const char *path);

/* Begins the thread now, and in children after a fork. Otherwise it begins with the first request. */
void hub_begin(struct hub *h);

/*
 * In a job: sends a request that fits, and pauses the job until it has the answer. Returns false if
 * there is no memory or thread for that. Without a file descriptor it blocks the thread meanwhile.
 */
bool hub_ask(struct hub *h, const struct libcrypto *l, ASYNC_WAIT_CTX *ctx, const struct request *r, uint32_t timeout_ms,
             struct answer *a);

/* Around a fork of the process. hub_in_child comes after wait_in_child. */
void hub_before_fork(struct hub *h);
void hub_in_parent(struct hub *h);
void hub_in_child(struct hub *h);

#endif
