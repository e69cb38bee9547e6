/*
 * A process that forks between requests and answers. Parent and child both go on: with the same
 * jobs, of which each has a copy, and with others.
 */
#include "jobs.h"

#include <fcntl.h>
#include <sys/wait.h>

enum { LONG = 60000 /* a timeout that never passes */ };

static struct fake f;
static struct provider p;

/* Waits for a child, all of whose checks must have held. */
static void await(pid_t child)
{
    int status;

    CHECK(child > 0);
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void sign(void)
{
    static const uint8_t data[5] = "data";
    struct answer a;

    ask_to_sign(&p, data, sizeof(data), &a);
    check_signature(&a, data, sizeof(data));
}

static void finish(struct job *j)
{
    job_finish(j);
    check_signature(&j->answer, j->data, sizeof(j->data));
    job_free(j);
}

/* Starts jobs whose requests the server holds. */
static void start_held(struct job *jobs, int n)
{
    int i;

    FAKE_SET(&f, on_request, fake_hold);
    for (i = 0; i < n; i++) {
        job_init(&jobs[i], &p, i);
        CHECK(!job_run(&jobs[i]));
    }
    FAKE_AWAIT(&f, held, (size_t)n);
}

/*
 * A job that waits: the child's copy is woken and sends its request again, on a connection of the
 * child's. The parent's notices nothing.
 */
static void waiting_jobs(void)
{
    enum { N = 10 };
    struct job jobs[N];
    unsigned connections;
    pid_t child;
    int i;

    sign_in_job(&p, 0);
    connections = f.connections;
    start_held(jobs, N);
    if ((child = fork()) == 0) {
        for (i = 0; i < N; i++)
            CHECK(is_readable(job_fd(&jobs[i]), 0));
        for (i = 0; i < N; i++)
            CHECK(!job_run(&jobs[i]));
        for (i = 0; i < N; i++) {
            finish(&jobs[i]);
            CHECK(jobs[i].pauses == 2);
        }
        sign_in_job(&p, 1);
        _exit(0);
    }
    FAKE_AWAIT(&f, held, 2 * N);
    for (i = 0; i < N; i++)
        CHECK(!is_readable(job_fd(&jobs[i]), 0));
    fake_release(&f);
    await(child);
    for (i = 0; i < N; i++) {
        finish(&jobs[i]);
        CHECK(jobs[i].pauses == 1);
    }
    FAKE_AWAIT(&f, connections, connections + 1);
    CHECK(f.connections == connections + 1);
}

/* A job whose answer has come already. Neither copy takes the wake from the other. */
static void answered_jobs(void)
{
    int child_first;

    for (child_first = 0; child_first < 2; child_first++) {
        struct job j;
        pid_t child;
        int go[2];

        CHECK(pipe2(go, O_CLOEXEC) == 0);
        job_init(&j, &p, 2);
        CHECK(!job_run(&j));
        CHECK(is_readable(job_fd(&j), -1));
        if ((child = fork()) == 0) {
            close(go[1]);
            CHECK(read(go[0], &child, 1) == 0); /* the parent has closed it */
            CHECK(is_readable(job_fd(&j), 0));
            finish(&j);
            CHECK(j.pauses == 1);
            _exit(0);
        }
        close(go[0]);
        if (!child_first)
            finish(&j);
        close(go[1]);
        await(child);
        if (child_first) {
            CHECK(is_readable(job_fd(&j), 0));
            finish(&j);
        }
        CHECK(j.pauses == 1);
    }
}

/* A context that waited before: both processes use it, at the same time. */
static void idle_context(void)
{
    struct job j;
    pid_t child;
    int i;

    job_init(&j, &p, 3);
    CHECK(!job_run(&j));
    job_finish(&j);
    child = fork();
    for (i = 0; i < 100; i++) {
        check_signature(&j.answer, j.data, sizeof(j.data));
        CHECK(!job_run(&j));
        job_finish(&j);
    }
    check_signature(&j.answer, j.data, sizeof(j.data));
    CHECK(j.pauses == 101);
    job_free(&j);
    if (child == 0)
        _exit(0);
    await(child);
}

static int wakes[2];

static int tell(void *arg)
{
    CHECK(write(wakes[1], &arg, sizeof(arg)) == sizeof(arg));
    return 1;
}

/* A job with a callback: the child's is called after the child's first request. */
static void callbacks(void)
{
    struct job j;
    pid_t child;
    void *arg;

    CHECK(pipe2(wakes, O_CLOEXEC) == 0);
    FAKE_SET(&f, on_request, fake_hold);
    job_init(&j, &p, 4);
    CHECK((j.ctx = ASYNC_WAIT_CTX_new()) != NULL);
    CHECK(ASYNC_WAIT_CTX_set_callback(j.ctx, tell, &j));
    CHECK(!job_run(&j));
    FAKE_AWAIT(&f, held, 1);
    if ((child = fork()) == 0) {
        struct job other;

        close(wakes[0]);
        close(wakes[1]);
        CHECK(pipe2(wakes, O_CLOEXEC) == 0);
        job_init(&other, &p, 5);
        CHECK(!job_run(&other));
        CHECK(read(wakes[0], &arg, sizeof(arg)) == sizeof(arg) && arg == &j);
        CHECK(!job_run(&j));
        CHECK(read(wakes[0], &arg, sizeof(arg)) == sizeof(arg) && arg == &j);
        CHECK(job_run(&j));
        check_signature(&j.answer, j.data, sizeof(j.data));
        finish(&other);
        _exit(0);
    }
    FAKE_AWAIT(&f, held, 3);
    CHECK(!is_readable(wakes[0], 0));
    fake_release(&f);
    await(child);
    CHECK(read(wakes[0], &arg, sizeof(arg)) == sizeof(arg) && arg == &j);
    CHECK(job_run(&j));
    check_signature(&j.answer, j.data, sizeof(j.data));
    job_free(&j);
    close(wakes[0]);
    close(wakes[1]);
}

/* A job with a callback, which the child resumes before it is called. */
static void resumed_before_callback(void)
{
    struct job j;
    pid_t child;
    void *arg;

    CHECK(pipe2(wakes, O_CLOEXEC) == 0);
    FAKE_SET(&f, on_request, fake_hold);
    job_init(&j, &p, 6);
    CHECK((j.ctx = ASYNC_WAIT_CTX_new()) != NULL);
    CHECK(ASYNC_WAIT_CTX_set_callback(j.ctx, tell, &j));
    CHECK(!job_run(&j));
    FAKE_AWAIT(&f, held, 1);
    if ((child = fork()) == 0) {
        close(wakes[0]);
        close(wakes[1]);
        CHECK(pipe2(wakes, O_CLOEXEC) == 0);
        while (!job_run(&j))
            CHECK(read(wakes[0], &arg, sizeof(arg)) == sizeof(arg) && arg == &j);
        check_signature(&j.answer, j.data, sizeof(j.data));
        job_free(&j);
        sign_in_job(&p, 7);
        _exit(0);
    }
    FAKE_AWAIT(&f, held, 2);
    fake_release(&f);
    await(child);
    CHECK(read(wakes[0], &arg, sizeof(arg)) == sizeof(arg) && arg == &j);
    CHECK(job_run(&j));
    check_signature(&j.answer, j.data, sizeof(j.data));
    job_free(&j);
    close(wakes[0]);
    close(wakes[1]);
}

/* A child that frees what it has inherited, and whose own child goes on. */
static void child_of_child(void)
{
    static struct job jobs[4];
    pid_t child;
    int i;

    start_held(jobs, 4);
    if ((child = fork()) == 0) {
        ASYNC_WAIT_CTX_free(jobs[0].ctx);
        ASYNC_WAIT_CTX_free(jobs[1].ctx);
        CHECK(!job_run(&jobs[2]));
        if ((child = fork()) == 0) {
            CHECK(is_readable(job_fd(&jobs[2]), 0) && is_readable(job_fd(&jobs[3]), 0));
            CHECK(!job_run(&jobs[2]) && !job_run(&jobs[3]));
            finish(&jobs[2]);
            finish(&jobs[3]);
            sign();
            _exit(0);
        }
        finish(&jobs[2]);
        await(child);
        sign();
        _exit(0);
    }
    FAKE_AWAIT(&f, held, 4 + 1 + 2);
    fake_release(&f);
    await(child);
    for (i = 0; i < 4; i++)
        finish(&jobs[i]);
}

/* The child's deadline is that of the request. */
static void deadline_in_child(void)
{
    struct provider brief = provider_for(f.path, 100);
    struct job j;
    pid_t child;

    FAKE_SET(&f, on_request, fake_hold);
    job_init(&j, &brief, 8);
    CHECK(!job_run(&j));
    child = fork();
    do {
        CHECK(is_readable(job_fd(&j), -1));
    } while (!job_run(&j));
    CHECK(j.answer.status == ASK_NO_SERVER);
    CHECK(ASYNC_WAIT_CTX_get_status(j.ctx) == ASYNC_STATUS_ERR);
    job_free(&j);
    if (child == 0)
        _exit(0);
    await(child);
    FAKE_SET(&f, on_request, NULL);
}

/* The fds that are open, without valgrind's. */
static int open_fds(void)
{
    int fd, n = 0;

    for (fd = 0; fd < 256; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

/* A child has no connection of its parent's, nor a thread. */
static void child_begins_with_nothing(void)
{
    pid_t child;
    int fds;

    sign();
    sign_in_job(&p, 9);
    fds = open_fds();
    if ((child = fork()) == 0) {
        CHECK(open_fds() == fds - 3); /* two connections, and the wake of the thread */
        sign();
        sign_in_job(&p, 10);
        CHECK(open_fds() == fds);
        _exit(0);
    }
    await(child);
    sign();
    sign_in_job(&p, 11);
}

static int fork_child(void *arg)
{
    pid_t child = fork();

    if (child == 0)
        _exit(0);
    await(child);
    return tell(arg);
}

/* A callback that forks, as one does that begins a program. */
static void fork_in_callback(void)
{
    struct job j;
    void *arg;

    CHECK(pipe2(wakes, O_CLOEXEC) == 0);
    job_init(&j, &p, 12);
    CHECK((j.ctx = ASYNC_WAIT_CTX_new()) != NULL);
    CHECK(ASYNC_WAIT_CTX_set_callback(j.ctx, fork_child, &j));
    CHECK(!job_run(&j));
    CHECK(read(wakes[0], &arg, sizeof(arg)) == sizeof(arg));
    CHECK(job_run(&j));
    check_signature(&j.answer, j.data, sizeof(j.data));
    job_free(&j);
    close(wakes[0]);
    close(wakes[1]);
}

static atomic_bool over;

static void *work(void *unused)
{
    struct job jobs[10];
    int i;

    while (!atomic_load(&over)) {
        for (i = 0; i < 10; i++) {
            job_init(&jobs[i], &p, i);
            CHECK(!job_run(&jobs[i]));
        }
        sign();
        for (i = 0; i < 10; i++)
            finish(&jobs[i]);
    }
    ASYNC_cleanup_thread();
    return unused;
}

/* Forks at any moment, while threads sign. */
static void busy_parent(void)
{
    pthread_t threads[3];
    struct job jobs[5];
    int i, k;

    atomic_store(&over, false);
    for (i = 0; i < 3; i++)
        CHECK(pthread_create(&threads[i], NULL, work, NULL) == 0);
    for (i = 0; i < repetitions(300, 10); i++) {
        pid_t child;

        for (k = 0; k < 5; k++) {
            job_init(&jobs[k], &p, k);
            CHECK(!job_run(&jobs[k]));
        }
        child = fork();
        for (k = 0; k < 5; k++)
            finish(&jobs[k]);
        if (child == 0) {
            sign_in_job(&p, i);
            sign();
            _exit(0);
        }
        await(child);
    }
    atomic_store(&over, true);
    for (i = 0; i < 3; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
}

int main(void)
{
    fake_start(&f);
    p = provider_for(f.path, LONG);
    waiting_jobs();
    answered_jobs();
    idle_context();
    callbacks();
    resumed_before_callback();
    child_of_child();
    deadline_in_child();
    child_begins_with_nothing();
    fork_in_callback();
    if (getenv("CHECK_SLOW") == NULL) { /* valgrind takes a switch to a job for a growth of the thread's stack */
        busy_parent();
        server_begin(p.server); /* now each child begins a thread at once */
        busy_parent();
    }
    fake_end(&f);
    return 0;
}
