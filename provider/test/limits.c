/*
 * Programs whose limits leave them no thread, file descriptor or memory for a job. As another user
 * than root, to whom the limit of threads does not apply.
 */
#include "jobs.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

enum { LONG = 60000 /* a timeout that never passes */, NOBODY = 65534 };

static struct fake f;
static atomic_bool has_no_memory;

void *__real_realloc(void *block, size_t size);
void *__wrap_realloc(void *block, size_t size);

/* Which the hub alone calls, for its list of requests. */
void *__wrap_realloc(void *block, size_t size) { return has_no_memory ? NULL : __real_realloc(block, size); }

static int threads(void) { return number_of_entries("/proc/self/task") - 2; /* without . and .. */ }

static int status_of(const struct job *j) { return ASYNC_WAIT_CTX_get_status(j->ctx); }

static void await(pid_t child)
{
    int status;

    CHECK(child > 0);
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* Sets the limit, below its maximum, and returns what it was. */
static rlim_t limit(int resource, rlim_t to)
{
    struct rlimit l;
    rlim_t was;

    CHECK(getrlimit(resource, &l) == 0);
    was = l.rlim_cur;
    l.rlim_cur = to;
    CHECK(setrlimit(resource, &l) == 0);
    return was;
}

/* The job has no thread or fd: it blocks, and leaves nothing for the program to wait for. */
static void sign_in_place(const struct provider *p, unsigned number)
{
    struct job j;
    size_t n;

    job_init(&j, p, number);
    CHECK(job_run(&j));
    check_signature(&j.answer, j.data, sizeof(j.data));
    CHECK(status_of(&j) == ASYNC_STATUS_OK);
    CHECK(ASYNC_WAIT_CTX_get_all_fds(j.ctx, NULL, &n) && n == 0);
    job_free(&j);
}

/* The same, when the server does not answer within so many milliseconds. */
static void fail_in_place(uint32_t timeout)
{
    struct provider brief = provider_for(f.path, timeout);
    struct job j;

    job_init(&j, &brief, 1);
    CHECK(job_run(&j));
    CHECK(j.answer.status == ASK_NO_SERVER || j.answer.status == ASK_EXPIRED);
    CHECK(strstr(j.answer.text, "answer") != NULL);
    job_free(&j);
}

/* Holds requests whose deadline is to pass. */
static void hold_brief(struct fake *g, const struct fake_request *r)
{
    if (r->timeout < LONG / 2)
        fake_hold(g, r);
    else
        fake_sign_request(g, r);
}

/* Gives up root's rights, and may still look into /proc. */
static void become_nobody(void)
{
    if (getuid() == 0)
        CHECK(setgid(NOBODY) == 0 && setuid(NOBODY) == 0);
    CHECK(prctl(PR_SET_DUMPABLE, 1) == 0);
}

static void *do_nothing(void *unused) { return unused; }

/* Returns what the limit was. */
static rlim_t forbid_threads(void)
{
    rlim_t was;
    pthread_t t;

    become_nobody();
    was = limit(RLIMIT_NPROC, 0);
    CHECK(pthread_create(&t, NULL, do_nothing, NULL) == EAGAIN);
    return was;
}

/* The thread was begun before the fork, and anew after it. The limit comes last, as in HAProxy. */
static void no_threads_early(void)
{
    struct provider p = provider_for(f.path, LONG);
    pid_t child;

    server_begin(p.server);
    if ((child = fork()) == 0) {
        CHECK(threads() == 2);
        forbid_threads();
        sign_in_job(&p, 2);
        sign_in_job(&p, 3);
        _exit(0);
    }
    await(child);
}

/* The thread is to begin with the first request, and can't. Later it can. */
static void no_threads_late(void)
{
    struct provider p = provider_for(f.path, LONG);
    pid_t child;

    if ((child = fork()) == 0) {
        rlim_t was = forbid_threads();

        sign_in_place(&p, 4);
        sign_in_place(&p, 5);
        fail_in_place(50);
        CHECK(threads() == 1);
        limit(RLIMIT_NPROC, was);
        sign_in_job(&p, 6);
        CHECK(threads() == 2);
        _exit(0);
    }
    await(child);
}

/*
 * There is a thread with a connection, and no fd for the context of a job. Contexts that have theirs
 * pause.
 */
static void no_fds(void)
{
    enum { MANY = 128 };
    struct provider p = provider_for(f.path, LONG);
    int fds[MANY], n;
    struct job with_fd;
    rlim_t was;

    job_init(&with_fd, &p, 7);
    CHECK(!job_run(&with_fd));
    job_finish(&with_fd);
    check_signature(&with_fd.answer, with_fd.data, sizeof(with_fd.data));
    was = limit(RLIMIT_NOFILE, MANY);
    for (n = 0; n < MANY && (fds[n] = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0)) >= 0; n++)
        continue;
    CHECK(errno == EMFILE);
    sign_in_place(&p, 8);
    sign_in_place(&p, 9);
    fail_in_place(50);
    CHECK(!job_run(&with_fd));
    job_finish(&with_fd);
    check_signature(&with_fd.answer, with_fd.data, sizeof(with_fd.data));
    job_free(&with_fd);
    while (n > 0)
        close(fds[--n]);
    limit(RLIMIT_NOFILE, was);
    sign_in_job(&p, 10);
}

static int tell_nobody(void *unused)
{
    (void)unused;
    return 1;
}

/*
 * There is no memory for one request more. The job has a new wait fd by then, so it pauses, as HAProxy
 * must be told of the fd before it is closed. With a callback it does not.
 */
static void no_memory(void)
{
    enum { ROOM = 64 };
    static struct job jobs[ROOM], one_more, with_callback;
    static struct fake g;
    struct provider p;
    int i;

    fake_start(&g);
    FAKE_SET(&g, on_request, fake_hold);
    p = provider_for(g.path, LONG);
    for (i = 0; i < ROOM; i++) {
        job_init(&jobs[i], &p, i);
        CHECK(!job_run(&jobs[i]));
    }
    FAKE_AWAIT(&g, held, ROOM);
    FAKE_SET(&g, on_request, NULL);
    atomic_store(&has_no_memory, true);
    job_init(&one_more, &p, 11);
    CHECK(!job_run(&one_more));
    CHECK(is_readable(job_fd(&one_more), 0));
    CHECK(job_run(&one_more));
    check_signature(&one_more.answer, one_more.data, sizeof(one_more.data));
    job_free(&one_more);
    job_init(&with_callback, &p, 12);
    CHECK((with_callback.ctx = ASYNC_WAIT_CTX_new()) != NULL);
    CHECK(ASYNC_WAIT_CTX_set_callback(with_callback.ctx, tell_nobody, NULL));
    CHECK(job_run(&with_callback));
    check_signature(&with_callback.answer, with_callback.data, sizeof(with_callback.data));
    job_free(&with_callback);
    atomic_store(&has_no_memory, false);
    fake_release(&g);
    for (i = 0; i < ROOM; i++) {
        job_finish(&jobs[i]);
        check_signature(&jobs[i].answer, jobs[i].data, sizeof(jobs[i].data));
        job_free(&jobs[i]);
    }
    fake_end(&g);
}

int main(void)
{
    fake_start(&f);
    FAKE_SET(&f, on_request, hold_brief);
    CHECK(chmod(f.path, 0777) == 0);
    *strrchr(f.path, '/') = '\0';
    CHECK(chmod(f.path, 0755) == 0);
    f.path[strlen(f.path)] = '/';
    if (MAY_FORK) {
        no_threads_late();
        no_threads_early();
    }
    no_fds();
    no_memory();
    fake_end(&f);
    return 0;
}
