/*
 * Questions to key servers.
 *
 * Outside a job, ask blocks the thread: a connection of its own carries the request. In a job it
 * pauses the job: a thread for each path, which begins with the first such request or by
 * server_begin, carries the requests of all jobs over one connection. Without memory, file
 * descriptor or thread for that, a job blocks its thread, too. Both connect again and send again
 * until the deadline if the server goes away or is busy.
 *
 * In a job:
 * - The application waits for a wait fd, one for each ASYNC_WAIT_CTX, which is closed with that. If
 *   the ASYNC_WAIT_CTX has a callback, that is called instead, on the thread of the path. No such
 *   call begins after ASYNC_WAIT_CTX_free, which waits for the end of a call under way. So the
 *   application must not hold a lock there that its callback takes. The list of fds then has one
 *   that never becomes readable.
 * - The status is ASYNC_STATUS_OK after a request was taken, ASYNC_STATUS_EAGAIN while the server
 *   is full, which ends by itself, and ASYNC_STATUS_ERR if the server has not answered until the
 *   deadline.
 * - A job that is resumed too early pauses again. One that must not pause (ASYNC_block_pause) blocks.
 *
 * In a child after a fork, requests that were under way are the parent's. The child's copies of
 * their jobs send them again when they are resumed: their wait fds are readable at once, and their
 * callbacks are called when the child asks the same server for something else. A callback may fork
 * if the child calls exec or _exit.
 */
#ifndef AP_CLIENT_H
#define AP_CLIENT_H

#include "frame.h"

#include <stddef.h>
#include <stdint.h>

struct provider;

/*
 * A key server: the path of its socket, and the milliseconds after which it does not answer. All
 * providers of the process share one for each path and timeout. It is never freed. server_get
 * returns NULL with errno ENOMEM, or EINVAL if no socket can have that path, or the timeout is 0.
 */
struct server;
struct server *server_get(const char *path, uint32_t timeout_ms);
const char *server_path(const struct server *s);
uint32_t server_timeout(const struct server *s);

/*
 * Begins now the thread that serves the jobs of the server's path, and in each child that is forked
 * later. For programs that forbid themselves new threads.
 */
void server_begin(struct server *s);

enum ask {
    ASK_OK = 0, ASK_NO_KEY, ASK_DENIED, ASK_BAD, ASK_FAILED, ASK_EXPIRED, ASK_BUSY, ASK_UNAVAILABLE, /* the protocol's */
    ASK_NO_SERVER = 100, /* it has not answered until the deadline */
    ASK_MEMORY,          /* there is no memory, file descriptor or thread */
    ASK_MALFORMED        /* it breaks the protocol */
};

struct answer {
    enum ask status;
    uint8_t *data; /* of ASK_OK, from malloc: the caller frees it; NULL if size is 0 */
    size_t size;
    /* Of any other status: says why, in printable ASCII. That of ASK_EXPIRED and of ours names the server. */
    char text[FRAME_MAX_TEXT + 1];
};

/*
 * Sends a request to the provider's server and waits for the answer. It raises no error. The caller
 * does that, afterwards; before, no error may stand on the queue and no mark may be set, since the
 * job may pause.
 */
void ask(const struct provider *p, const struct request *request, struct answer *answer);

#endif
