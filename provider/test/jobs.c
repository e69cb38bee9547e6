/* Jobs that ask a key server that works, and programs that treat their jobs badly. */
#include "jobs.h"

#include <fcntl.h>
#include <malloc.h>
#include <sys/resource.h>
#include <time.h>

enum { LONG = 60000 /* a timeout that never passes */ };

static struct fake f;

static int threads(void) { return number_of_entries("/proc/self/task"); }

static int open_fds(void) { return number_of_entries("/proc/self/fd"); }

static int status_of(const struct job *j) { return ASYNC_WAIT_CTX_get_status(j->ctx); }

/* No thread begins before the first request in a job, nor for those outside of jobs. */
static void one_job(void)
{
    struct provider p = provider_for(f.path, LONG);
    static const uint8_t data[3] = { 1, 2, 3 };
    int before = threads();
    struct answer a;
    struct job j;

    ask_to_sign(&p, data, sizeof(data), &a);
    check_signature(&a, data, sizeof(data));
    CHECK(threads() == before);
    job_init(&j, &p, 1);
    CHECK(!job_run(&j));
    CHECK(status_of(&j) == ASYNC_STATUS_OK);
    CHECK(threads() == before + 1);
    job_finish(&j);
    CHECK(j.pauses == 1);
    CHECK(status_of(&j) == ASYNC_STATUS_OK);
    CHECK(!is_readable(job_fd(&j), 0));
    check_signature(&j.answer, j.data, sizeof(j.data));
    job_free(&j);
}

/* One context has one fd, however often its jobs wait. */
static void jobs_on_one_context(void)
{
    struct provider p = provider_for(f.path, LONG);
    size_t added, deleted;
    struct job j;
    int fd, i;

    job_init(&j, &p, 2);
    j.times = 3;
    CHECK(!job_run(&j));
    fd = job_fd(&j);
    CHECK(ASYNC_WAIT_CTX_get_changed_fds(j.ctx, NULL, &added, NULL, &deleted) && added == 1 && deleted == 0);
    job_finish(&j);
    CHECK(j.pauses == 3);
    for (i = 0; i < 3; i++) {
        check_signature(&j.answer, j.data, sizeof(j.data));
        j.times = 2;
        CHECK(!job_run(&j));
        CHECK(job_fd(&j) == fd);
        CHECK(ASYNC_WAIT_CTX_get_changed_fds(j.ctx, NULL, &added, NULL, &deleted) && added == 0 && deleted == 0);
        job_finish(&j);
    }
    check_signature(&j.answer, j.data, sizeof(j.data));
    job_free(&j);
}

/* Many requests at once, which are answered in the opposite order. */
static void many_jobs(void)
{
    enum { N = 200 };
    struct provider p = provider_for(f.path, LONG);
    static struct job jobs[N];
    unsigned before = f.requests;
    int i, round;

    for (i = 0; i < N; i++)
        job_init(&jobs[i], &p, i);
    for (round = 0; round < 3; round++) {
        FAKE_SET(&f, on_request, fake_hold);
        for (i = 0; i < N; i++) {
            CHECK(!job_run(&jobs[i]));
            CHECK(status_of(&jobs[i]) == ASYNC_STATUS_OK);
        }
        before += N;
        FAKE_AWAIT(&f, requests, before);
        fake_release(&f);
        for (i = 0; i < N; i++) {
            job_finish(&jobs[i]);
            check_signature(&jobs[i].answer, jobs[i].data, sizeof(jobs[i].data));
        }
    }
    CHECK(f.connections == 2); /* one_job's outside of a job, and this one */
    for (i = 0; i < N; i++)
        job_free(&jobs[i]);
}

static int pauses;

static int wait_and_pause(void)
{
    ASYNC_WAIT_CTX *ctx = ASYNC_get_wait_ctx(ASYNC_get_current_job());
    struct job j = { .ctx = ctx };

    pauses++;
    CHECK(is_readable(job_fd(&j), -1));
    return ASYNC_pause_job();
}

/* The answer is there before the job pauses. It pauses all the same. */
static void answer_before_pause(void)
{
    struct provider p = provider_for(f.path, LONG);
    int i;

    p.libcrypto.ASYNC_pause_job = wait_and_pause;
    for (pauses = 0, i = 0; i < 10; i++)
        sign_in_job(&p, i);
    CHECK(pauses == 10);
}

/* The program resumes a job that has no answer yet. */
static void resumed_too_early(void)
{
    struct provider p = provider_for(f.path, LONG);
    struct job j;
    int i;

    FAKE_SET(&f, on_request, fake_hold);
    job_init(&j, &p, 3);
    for (i = 0; i < 1000; i++)
        CHECK(!job_run(&j));
    FAKE_AWAIT(&f, held, 1);
    CHECK(!is_readable(job_fd(&j), 0));
    fake_release(&f);
    job_finish(&j);
    CHECK(j.pauses == 1000);
    check_signature(&j.answer, j.data, sizeof(j.data));
    for (i = 0; i < 1000; i++) { /* and never waits for the fd; no wake is left over for the next request */
        while (!job_run(&j))
            continue;
        CHECK(!is_readable(job_fd(&j), 0));
        check_signature(&j.answer, j.data, sizeof(j.data));
    }
    job_free(&j);
}

static int64_t microseconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int count_pause(void)
{
    pauses++;
    if (pauses == 1000)
        fake_release(&f);
    return ASYNC_pause_job();
}

/*
 * While pausing is blocked the job waits in place. It must not spin: 16 pauses are followed by a
 * wait, or have taken 20 microseconds for some reason.
 */
static void blocked_pause(void)
{
    struct provider p = provider_for(f.path, LONG);
    struct job j;
    int64_t began = microseconds();
    int i;

    p.libcrypto.ASYNC_pause_job = count_pause;
    pauses = 0;
    FAKE_SET(&f, on_request, fake_hold);
    job_init(&j, &p, 4);
    j.blocks = true;
    for (i = 0; i < 2; i++) {
        CHECK(job_run(&j));
        check_signature(&j.answer, j.data, sizeof(j.data));
        CHECK(j.pauses == 0);
    }
    CHECK(pauses >= 1000 && pauses / 16 < (microseconds() - began) / 20);
    job_free(&j);
}

static void start_50(struct provider *p, struct job *jobs)
{
    int i;

    FAKE_SET(&f, on_request, fake_hold);
    for (i = 0; i < 50; i++) {
        job_init(&jobs[i], p, i);
        CHECK(!job_run(&jobs[i]));
    }
}

/* libcrypto leaks the jobs that are paused. Their handles stay in jobs. */
static void free_50(struct job *jobs)
{
    int i;

    for (i = 0; i < 50; i++)
        ASYNC_WAIT_CTX_free(jobs[i].ctx);
}

/* Contexts are freed while their requests are under way, or their deadlines pass. */
static void context_freed(void)
{
    struct provider p = provider_for(f.path, LONG), brief = provider_for(f.path, 1);
    static struct job answered[50], expired[50];
    int fds = open_fds();

    start_50(&p, answered);
    FAKE_AWAIT(&f, held, 50);
    free_50(answered);
    CHECK(open_fds() == fds);
    fake_release(&f);
    start_50(&brief, expired);
    free_50(expired);
    FAKE_SET(&f, on_request, NULL);
    sign_in_job(&p, 5);
    fake_release(&f);
    sign_in_job(&p, 6);
    while (open_fds() != fds) /* a silent server's connection may have been given up for another one */
        usleep(1000);
}

/* Contexts are freed while their answers come. */
static void context_freed_in_time(void)
{
    struct provider p = provider_for(f.path, LONG);
    static struct job jobs[100][20];
    int i, round;

    for (round = 0; round < repetitions(100, 10); round++) {
        for (i = 0; i < 20; i++) {
            job_init(&jobs[round][i], &p, i);
            CHECK(!job_run(&jobs[round][i]));
        }
        for (i = 0; i < 20; i++) {
            struct job *j = &jobs[round][i];

            if (i % 2 == 0) {
                job_finish(j);
                check_signature(&j->answer, j->data, sizeof(j->data));
            }
            ASYNC_WAIT_CTX_free(j->ctx);
        }
    }
}

static int wakes[2];

static int tell(void *arg)
{
    CHECK(write(wakes[1], &arg, sizeof(arg)) == sizeof(arg));
    return 1;
}

/* A context with a callback: it is called, on another thread, and no fd becomes readable. */
static void callbacks(void)
{
    struct provider p = provider_for(f.path, LONG);
    int fds = open_fds(), i, silent;
    static struct job j;
    void *arg;

    CHECK(pipe2(wakes, O_CLOEXEC) == 0);
    job_init(&j, &p, 7);
    CHECK((j.ctx = ASYNC_WAIT_CTX_new()) != NULL);
    CHECK(ASYNC_WAIT_CTX_set_callback(j.ctx, tell, &j));
    for (i = 0; i < 10; i++) {
        CHECK(!job_run(&j));
        CHECK(status_of(&j) == ASYNC_STATUS_OK);
        silent = job_fd(&j);
        CHECK(read(wakes[0], &arg, sizeof(arg)) == sizeof(arg) && arg == &j);
        CHECK(!is_readable(wakes[0], 0) && !is_readable(silent, 0));
        CHECK(job_run(&j));
        check_signature(&j.answer, j.data, sizeof(j.data));
    }
    CHECK(ASYNC_WAIT_CTX_set_callback(j.ctx, NULL, NULL)); /* then it has an fd of its own */
    CHECK(!job_run(&j));
    CHECK(job_fd(&j) != silent);
    job_finish(&j);
    check_signature(&j.answer, j.data, sizeof(j.data));
    CHECK(ASYNC_WAIT_CTX_set_callback(j.ctx, tell, &j)); /* and keeps it */
    CHECK(!job_run(&j));
    CHECK(job_fd(&j) != silent);
    CHECK(read(wakes[0], &arg, sizeof(arg)) == sizeof(arg) && arg == &j);
    CHECK(!is_readable(job_fd(&j), 0));
    CHECK(job_run(&j));
    check_signature(&j.answer, j.data, sizeof(j.data));
    job_free(&j);
    CHECK(open_fds() == fds + 2 + 1); /* the pipe's, and the silent one, which all contexts share */

    /* Not called any more once the context is freed. */
    FAKE_SET(&f, on_request, fake_hold);
    job_init(&j, &p, 8);
    CHECK((j.ctx = ASYNC_WAIT_CTX_new()) != NULL);
    CHECK(ASYNC_WAIT_CTX_set_callback(j.ctx, tell, &j));
    CHECK(!job_run(&j));
    FAKE_AWAIT(&f, held, 1);
    ASYNC_WAIT_CTX_free(j.ctx);
    fake_release(&f);
    sign_in_job(&p, 9);
    CHECK(!is_readable(wakes[0], 0));
    close(wakes[0]);
    close(wakes[1]);
}

/* A callback may free the context, as a program does whose job is finished. */
static int free_context(void *arg)
{
    ASYNC_WAIT_CTX_free(((struct job *)arg)->ctx);
    return tell(arg);
}

static void context_freed_by_callback(void)
{
    struct provider p = provider_for(f.path, LONG);
    static struct job j;
    void *arg;

    CHECK(pipe2(wakes, O_CLOEXEC) == 0);
    job_init(&j, &p, 10);
    CHECK((j.ctx = ASYNC_WAIT_CTX_new()) != NULL);
    CHECK(ASYNC_WAIT_CTX_set_callback(j.ctx, free_context, &j));
    FAKE_SET(&f, on_request, fake_hold);
    CHECK(!job_run(&j));
    FAKE_AWAIT(&f, held, 1);
    fake_release(&f);
    CHECK(read(wakes[0], &arg, sizeof(arg)) == sizeof(arg));
    sign_in_job(&p, 11);
    close(wakes[0]);
    close(wakes[1]);
}

/* Two servers, and two providers of one server. */
static void two_servers(void)
{
    struct provider p = provider_for(f.path, LONG), q = provider_for(f.path, LONG), other = provider_for(f.path, LONG + 1), far;
    unsigned connections = f.connections;
    static struct fake g;
    struct job j, k;

    fake_start(&g);
    far = provider_for(g.path, LONG);
    CHECK(p.server == q.server && p.server != other.server && p.server != far.server);
    CHECK(strcmp(server_path(far.server), g.path) == 0 && server_timeout(other.server) == LONG + 1);
    job_init(&j, &p, 12);
    job_init(&k, &far, 13);
    CHECK(!job_run(&j) && !job_run(&k));
    job_finish(&k);
    job_finish(&j);
    check_signature(&j.answer, j.data, sizeof(j.data));
    check_signature(&k.answer, k.data, sizeof(k.data));
    CHECK(g.requests == 1 && g.connections == 1);
    sign_in_job(&other, 14);
    CHECK(f.connections == connections); /* it shares the connection */
    j.provider = &far; /* one context with jobs of two providers */
    CHECK(!job_run(&j));
    job_finish(&j);
    check_signature(&j.answer, j.data, sizeof(j.data));
    CHECK(g.requests == 2);
    job_free(&j);
    job_free(&k);
    fake_end(&g);
}

static bool is_inherited[64]; /* of the first fds: by this test */

static bool is_left_to_exec(int fd)
{
    int flags = fcntl(fd, F_GETFD);

    return flags >= 0 && (flags & FD_CLOEXEC) == 0;
}

/* Exec'd programs get no fd of ours. */
static void fds_close_on_exec(void)
{
    struct provider p = provider_for(f.path, LONG);
    struct job j;
    int fd;

    job_init(&j, &p, 15);
    CHECK(!job_run(&j));
    for (fd = 0; fd < 64; fd++)
        CHECK(!is_left_to_exec(fd) || is_inherited[fd]);
    job_finish(&j);
    job_free(&j);
}

/* A context that waited once keeps one fd and less than 1 KB. */
static void idle_contexts(void)
{
    struct provider p = provider_for(f.path, LONG);
    struct rlimit limit;
    static struct job jobs[10000];
    int i, n = repetitions(10000, 10), fds;
    size_t memory = 0;

    CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    limit.rlim_cur = limit.rlim_max;
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    if (limit.rlim_cur < (rlim_t)n + 100)
        n = (int)limit.rlim_cur - 100;
    sign_in_job(&p, 16);
    fds = open_fds();
    for (i = 0; i < n; i++) {
        if (i == n / 2)
            memory = mallinfo2().uordblks;
        job_init(&jobs[i], &p, i);
        CHECK(!job_run(&jobs[i]));
        job_finish(&jobs[i]);
        check_signature(&jobs[i].answer, jobs[i].data, sizeof(jobs[i].data));
    }
    CHECK(open_fds() == fds + n);
    memory = mallinfo2().uordblks - memory; /* sanitizers say 0 */
    CHECK(memory / (n - n / 2) < 1024);
    for (i = 0; i < n; i++)
        job_free(&jobs[i]);
    CHECK(open_fds() == fds);
}

/* The third argument of the system call in which the hub's thread is: poll's timeout. */
static int poll_timeout(void)
{
    char path[300], line[200] = "";
    DIR *d = opendir("/proc/self/task");
    struct dirent *e;
    unsigned long timeout = 0;
    FILE *file;

    CHECK(d != NULL);
    while ((e = readdir(d)) != NULL) {
        if (e->d_name[0] == '.' || atoi(e->d_name) == getpid())
            continue;
        snprintf(path, sizeof(path), "/proc/self/task/%s/syscall", e->d_name);
        /* Of the two, the fake server polls for more. */
        if ((file = fopen(path, "re")) == NULL || fgets(line, sizeof(line), file) == NULL)
            return 1;
        fclose(file);
        if (sscanf(line, "%*d 0x%*x 0x2 0x%lx", &timeout) == 1)
            break;
    }
    closedir(d);
    return (int)timeout;
}

/* When nothing is under way any more, the thread sleeps until it is woken. */
static void idle_hub_sleeps(void)
{
    static struct fake g;
    struct provider p;

    fake_end(&f);
    fake_start(&g);
    p = provider_for(g.path, 200);
    sign_in_job(&p, 17);
    if (access("/proc/self/syscall", R_OK) == 0) {
        while (poll_timeout() != -1)
            usleep(1000);
    }
    sign_in_job(&p, 18);
    fake_end(&g);
}

struct worker {
    pthread_t thread;
    const struct provider *provider;
    unsigned number;
};

static void *work(void *worker)
{
    struct worker *w = worker;
    struct job jobs[20];
    int i, round;

    for (round = 0; round < repetitions(200, 10); round++) {
        for (i = 0; i < 20; i++) {
            job_init(&jobs[i], w->provider, w->number << 16 | (unsigned)i);
            CHECK(!job_run(&jobs[i]));
        }
        for (i = 0; i < 20; i++) {
            job_finish(&jobs[i]);
            check_signature(&jobs[i].answer, jobs[i].data, sizeof(jobs[i].data));
            job_free(&jobs[i]);
        }
    }
    ASYNC_cleanup_thread();
    return NULL;
}

/* Jobs of several threads, for which the server has no room at once. */
static void many_threads(void)
{
    struct worker workers[4];
    static struct fake g;
    struct provider p;
    unsigned i;

    fake_start(&g);
    g.limit = 30;
    p = provider_for(g.path, LONG);
    for (i = 0; i < 4; i++) {
        workers[i] = (struct worker){ .provider = &p, .number = i };
        CHECK(pthread_create(&workers[i].thread, NULL, work, &workers[i]) == 0);
    }
    for (i = 0; i < 4; i++)
        CHECK(pthread_join(workers[i].thread, NULL) == 0);
    CHECK(g.connections == 1 && g.most <= 30);
    fake_end(&g);
}

int main(void)
{
    int fd;

    for (fd = 0; fd < 64; fd++)
        is_inherited[fd] = is_left_to_exec(fd);
    fake_start(&f);
    one_job();
    jobs_on_one_context();
    many_jobs();
    answer_before_pause();
    resumed_too_early();
    blocked_pause();
    context_freed();
    context_freed_in_time();
    callbacks();
    context_freed_by_callback();
    fds_close_on_exec();
    idle_contexts();
    two_servers();
    idle_hub_sleeps();
    if (getenv("CHECK_SLOW") == NULL) /* valgrind takes a switch to a job for a growth of the thread's stack */
        many_threads();
    return 0;
}
