/*
 * A program like the example in OpenSSL's manual page ASYNC_start_job(3): a job makes a pipe,
 * sets it as wait fd and pauses; its caller waits for the pipe and resumes the job.
 * TestManualPage compares the output with that of the page.
 */
#include <openssl/async.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <unistd.h>

static int unique;

static void close_pipe(ASYNC_WAIT_CTX *ctx, const void *key, OSSL_ASYNC_FD r, void *data)
{
    OSSL_ASYNC_FD *w = data;

    (void)ctx, (void)key;
    close(r);
    close(*w);
    free(w);
}

static int body(void *arg)
{
    const char *message = *(const char **)arg;
    OSSL_ASYNC_FD fds[2], *w = malloc(sizeof(*w));
    ASYNC_WAIT_CTX *ctx;
    char byte = 'X';

    printf("Executing within a job\n");
    if (ASYNC_get_current_job() == NULL || w == NULL || pipe(fds) != 0)
        return 0;
    *w = fds[1];
    ctx = ASYNC_get_wait_ctx(ASYNC_get_current_job());
    if (!ASYNC_WAIT_CTX_set_wait_fd(ctx, &unique, fds[0], w, close_pipe))
        return 0;
    /* An engine would write when the operation is done. */
    if (write(fds[1], &byte, 1) != 1)
        return 0;
    ASYNC_pause_job();
    if (read(fds[0], &byte, 1) != 1)
        return 0;
    printf("%s\n", message);
    return 1;
}

static int wait_for(ASYNC_WAIT_CTX *ctx)
{
    OSSL_ASYNC_FD fd;
    size_t n;
    fd_set set;

    if (!ASYNC_WAIT_CTX_get_all_fds(ctx, NULL, &n) || n != 1 || !ASYNC_WAIT_CTX_get_all_fds(ctx, &fd, &n))
        return 0;
    FD_ZERO(&set);
    FD_SET(fd, &set);
    return select(fd + 1, &set, NULL, NULL, NULL) == 1;
}

int main(void)
{
    const char *message = "Hello World!";
    ASYNC_WAIT_CTX *ctx = ASYNC_WAIT_CTX_new();
    ASYNC_JOB *job = NULL;
    int ret = 0;

    if (ctx == NULL)
        return 1;
    printf("Starting...\n");
    for (;;) {
        switch (ASYNC_start_job(&job, ctx, &ret, body, &message, sizeof(message))) {
        case ASYNC_ERR:
        case ASYNC_NO_JOBS:
            printf("An error occurred\n");
            return 1;
        case ASYNC_PAUSE:
            printf("Job was paused\n");
            break;
        case ASYNC_FINISH:
            printf("Job finished with return value %d\n", ret);
            ASYNC_WAIT_CTX_free(ctx);
            ASYNC_cleanup_thread();
            printf("Finishing\n");
            return 0;
        }
        printf("Waiting for the job to be woken up\n");
        if (!wait_for(ctx))
            return 1;
    }
}
