#include "link.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

bool link_path_fits(const char *path)
{
    return path[0] != '\0' && strlen(path) < sizeof(((struct sockaddr_un *)NULL)->sun_path);
}

int link_open(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    uint8_t hello[FRAME_HELLO];
    int fd, err;

    memcpy(address.sun_path, path, strlen(path) + 1);
    frame_put_hello(hello);
    if ((fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) < 0)
        return -1;
    /*
     * Neither waits. A new socket has room for the hello. If the server has closed the connection
     * already, it may have said why.
     */
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0
        && (send(fd, hello, sizeof(hello), MSG_NOSIGNAL) == (ssize_t)sizeof(hello) || errno == EPIPE))
        return fd;
    err = errno;
    close(fd);
    errno = err;
    return -1;
}

bool inbox_receive(struct inbox *in, int fd)
{
    ssize_t n;

    if (in->start > 0) {
        memmove(in->bytes, in->bytes + in->start, in->end - in->start);
        in->end -= in->start;
        in->start = 0;
    }
    n = recv(fd, in->bytes + in->end, sizeof(in->bytes) - in->end, MSG_DONTWAIT);
    if (n > 0)
        in->end += (size_t)n;
    else if (n == 0)
        errno = 0;
    return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

int inbox_take(struct inbox *in, struct bytes *body)
{
    struct bytes rest = { in->bytes + in->start, in->end - in->start };
    int whole = frame_take(&rest, body);

    if (whole == 1)
        in->start = in->end - rest.size;
    return whole;
}
