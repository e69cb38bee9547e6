/* Jobs that ask a key server, and the program that runs them. */
#ifndef JOBS_H
#define JOBS_H

#include "../../cabi/test/check.h"
#include "client.h"
#include "fake.h"
#include "provider.h"

#include <dirent.h>

/*
 * Whether a process with threads may fork. A child of gcc 12's ASan finds a lock of the allocator held
 * for ever, if one of the other threads had it at that moment.
 */
#ifdef __SANITIZE_ADDRESS__
enum { MAY_FORK = false };
#else
enum { MAY_FORK = true };
#endif

/* A provider without OpenSSL around it. */
static inline struct provider provider_for(const char *path, uint32_t timeout_ms)
{
    struct provider p = { .server = server_get(path, timeout_ms) };

    CHECK(p.server != NULL);
#define SET(name) p.libcrypto.name = name;
    LIBCRYPTO_ASYNC(SET)
#undef SET
    return p;
}

struct job {
    const struct provider *provider;
    ASYNC_WAIT_CTX *ctx; /* made at the first start if it is NULL */
    ASYNC_JOB *handle;   /* NULL: the job has finished, or was not started */
    int times;           /* that it asks; 0: once */
    bool blocks;         /* ASYNC_block_pause while it asks */
    uint8_t data[64];
    struct answer answer; /* of the last time */
    int pauses; /* that the program has seen */
};

/* All that a signature of the job's data has. */
static inline void check_signature(struct answer *a, const uint8_t *data, size_t size)
{
    uint8_t want[128];

    if (a->status != ASK_OK)
        fprintf(stderr, "status %d: %s\n", a->status, a->text);
    CHECK(a->status == ASK_OK);
    CHECK(a->size == size);
    fake_sign(want, data, size);
    CHECK(memcmp(a->data, want, size) == 0);
    free(a->data);
    a->data = NULL;
}

static inline void ask_to_sign(const struct provider *p, const uint8_t *data, size_t size, struct answer *a)
{
    static const uint8_t id[FRAME_KEY_ID] = { 1 };
    const struct request r = { .op = OP_SIGN, .hash = HASH_SHA256, .padding = PADDING_PSS, .salt = 32, .key = id,
                               .data = data, .size = size };

    ask(p, &r, a);
}

static inline int job_main(void *args)
{
    struct job *j = *(struct job **)args;
    int i;

    if (j->blocks)
        ASYNC_block_pause();
    for (i = 0; i == 0 || i < j->times; i++) {
        if (i > 0) {
            check_signature(&j->answer, j->data, sizeof(j->data));
            j->data[8]++;
        }
        ask_to_sign(j->provider, j->data, sizeof(j->data), &j->answer);
    }
    if (j->blocks)
        ASYNC_unblock_pause();
    return 1;
}

/* Starts or resumes the job. Reports whether it has finished. */
static inline bool job_run(struct job *j)
{
    int ret = 0;

    if (j->ctx == NULL)
        CHECK((j->ctx = ASYNC_WAIT_CTX_new()) != NULL);
    switch (ASYNC_start_job(&j->handle, j->ctx, &ret, job_main, &j, sizeof(j))) {
    case ASYNC_PAUSE:
        j->pauses++;
        return false;
    case ASYNC_FINISH:
        CHECK(ret == 1);
        j->handle = NULL;
        return true;
    default:
        CHECK(!"ASYNC_start_job");
        return false;
    }
}

/* A job with data of its own. It must not move while it runs. */
static inline void job_init(struct job *j, const struct provider *p, unsigned number)
{
    *j = (struct job){ .provider = p };
    memcpy(j->data, &number, sizeof(number));
}

/* The wait fd, of which there must be one. */
static inline int job_fd(const struct job *j)
{
    OSSL_ASYNC_FD fd;
    size_t n;

    CHECK(ASYNC_WAIT_CTX_get_all_fds(j->ctx, NULL, &n) && n == 1);
    CHECK(ASYNC_WAIT_CTX_get_all_fds(j->ctx, &fd, &n));
    return fd;
}

static inline bool is_readable(int fd, int timeout_ms)
{
    struct pollfd p = { .fd = fd, .events = POLLIN };

    return poll(&p, 1, timeout_ms) == 1;
}

/* Resumes a job that is paused, whenever its fd is readable, until it finishes. */
static inline void job_finish(struct job *j)
{
    do {
        CHECK(is_readable(job_fd(j), -1));
    } while (!job_run(j));
}

static inline void job_free(struct job *j)
{
    ASYNC_WAIT_CTX_free(j->ctx);
    free(j->answer.data);
}

/* Runs a whole job, whose answer must be a signature. */
static inline void sign_in_job(const struct provider *p, unsigned number)
{
    struct job j;

    job_init(&j, p, number);
    CHECK(!job_run(&j));
    job_finish(&j);
    check_signature(&j.answer, j.data, sizeof(j.data));
    job_free(&j);
}

static inline int number_of_entries(const char *folder)
{
    DIR *d = opendir(folder);
    int n = 0;

    CHECK(d != NULL);
    while (readdir(d) != NULL)
        n++;
    closedir(d);
    return n;
}

#endif
