/*
 * Programs that have no thread or file descriptor more, or forbid themselves new threads: a job waits
 * in place, unless the thread has begun before.
 */
#include "jobs.h"

#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/wait.h>

enum { LONG = 60000 /* a timeout that never passes */ };

static struct fake f;
static atomic_bool forbidden;

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *arg);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *arg);

/* As with RLIMIT_NPROC, which does not hold for root. */
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *arg)
{
    return forbidden ? EAGAIN : __real_pthread_create(thread, attributes, run, arg);
}

static int threads(void) { return number_of_entries("/proc/self/task"); }

static int open_fds(void) { return number_of_entries("/proc/self/fd"); }

static int status_of(const struct job *j) { return ASYNC_WAIT_CTX_get_status(j->ctx); }

static void sign_in_place(const struct provider *p, unsigned number)
{
    struct job j;
    size_t n;

    job_init(&j, p, number);
    CHECK(job_run(&j));
    check_signature(&j.answer, j.data, sizeof(j.data));
    CHECK(j.pauses == 0 && status_of(&j) == ASYNC_STATUS_OK);
    CHECK(ASYNC_WAIT_CTX_get_all_fds(j.ctx, NULL, &n) && n == 0);
    job_free(&j);
}

static void full_once(struct fake *k, const struct fake_request *r)
{
    k->on_request = NULL;
    fake_refuse(k, r, ASK_BUSY, "full");
}

/* Without a thread a job blocks. When one can begin again, it does. */
static void late(void)
{
    struct provider p = provider_for(f.path, LONG);
    int before = threads();

    forbidden = true;
    sign_in_place(&p, 1);
    sign_in_place(&p, 2);
    forbidden = false;
    CHECK(threads() == before);
    sign_in_job(&p, 3);
    CHECK(threads() == before + 1);
}

/* A job that blocks has the deadline. */
static void late_without_server(void)
{
    struct provider p = provider_for("/nowhere/keys.sock", 10);
    struct job j;

    forbidden = true;
    job_init(&j, &p, 4);
    CHECK(job_run(&j));
    CHECK(j.answer.status == ASK_NO_SERVER && status_of(&j) == ASYNC_STATUS_ERR);
    job_free(&j);
    forbidden = false;
}

/* Without a file descriptor a job blocks, too, on the connection that there is. */
static void no_descriptors(void)
{
    enum { MOST = 200 };
    static struct fake g;
    struct provider p;
    struct rlimit before, few;
    unsigned connections;
    int fds[MOST], n = 0;

    fake_start(&g);
    p = provider_for(g.path, LONG);
    sign_in_job(&p, 10);
    connections = g.connections;
    CHECK(getrlimit(RLIMIT_NOFILE, &before) == 0);
    few = before;
    few.rlim_cur = MOST;
    CHECK(setrlimit(RLIMIT_NOFILE, &few) == 0);
    while (n < MOST && (fds[n] = eventfd(0, EFD_CLOEXEC)) >= 0)
        n++;
    sign_in_place(&p, 11);
    FAKE_SET(&g, on_request, full_once);
    sign_in_place(&p, 12);
    CHECK(g.connections == connections);
    while (n > 0)
        close(fds[--n]);
    CHECK(setrlimit(RLIMIT_NOFILE, &before) == 0);
    sign_in_job(&p, 13);
    fake_end(&g);
}

static void await(pid_t child)
{
    int status;

    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/*
 * The thread begins at once, and in children, too. Until a job asks it has no fd, so a daemon may
 * close all that it has inherited.
 */
static void early(void)
{
    static struct fake g;
    struct provider p;
    int before, fds;
    pid_t child;

    fake_start(&g);
    p = provider_for(g.path, LONG);
    before = threads();
    fds = open_fds();
    server_begin(p.server);
    server_begin(p.server);
    CHECK(threads() == before + 1 && open_fds() == fds);
    if ((child = fork()) == 0) {
        forbidden = true;
        closefrom(STDERR_FILENO + 1);
        sign_in_job(&p, 5);
        forbidden = false;
        if ((child = fork()) == 0) { /* from a process whose thread had work already */
            forbidden = true;
            sign_in_job(&p, 6);
            _exit(0);
        }
        await(child);
        sign_in_job(&p, 7);
        _exit(0);
    }
    await(child);
    forbidden = true;
    sign_in_job(&p, 8);
    if ((child = fork()) == 0) { /* the thread can't begin */
        sign_in_place(&p, 9);
        _exit(0);
    }
    await(child);
    forbidden = false;
    CHECK(threads() == before + 1);
    fake_end(&g);
}

int main(void)
{
    fake_start(&f);
    late();
    late_without_server();
    no_descriptors();
    if (MAY_FORK)
        early();
    fake_end(&f);
    return 0;
}
