/* The parts that all connections to key servers have. */
#ifndef AP_LINK_H
#define AP_LINK_H

#include "frame.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The milliseconds between two attempts. The first comes at once; each later time is twice the one
 * before, up to the bound.
 */
enum { LINK_RETRY_MAX = 100, LINK_BUSY_MAX = 50 };
static inline uint32_t link_next_pause(uint32_t last, uint32_t most)
{
    return last == 0 ? 1 : last > most / 2 ? most : 2 * last;
}

/* Reports whether a socket can have that path. */
bool link_path_fits(const char *path);

/* Connects to a server and sends the hello. Returns a non-blocking socket, or -1 with errno. */
int link_open(const char *path);

/* A buffer of received bytes, with room for the longest frame. */
struct inbox {
    size_t start, end;
    uint8_t bytes[2 * FRAME_MAX_BODY];
};

/*
 * Receives the bytes that have come, without waiting. Returns true if there were some, or none yet;
 * otherwise the connection has ended and errno says why: 0 if the server has closed it.
 */
bool inbox_receive(struct inbox *in, int fd);

/*
 * Takes the body of a frame, which is valid until the next inbox_receive. Returns 1, 0 if there is
 * no whole one yet, and -1 if the server breaks the protocol.
 */
int inbox_take(struct inbox *in, struct bytes *body);

#endif
