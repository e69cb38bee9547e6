/* Key servers that are full, slow, silent, mad or gone. */
#include "jobs.h"

#include <limits.h>
#include <pthread.h>

enum {
    LONG = 60000, /* a timeout that never passes */
    SHORT = 60    /* one that the test waits for */
};

static int status_of(const struct job *j) { return ASYNC_WAIT_CTX_get_status(j->ctx); }

static bool is_failure(const struct answer *a, enum ask status, const char *text)
{
    CHECK(a->status != ASK_OK && a->data == NULL && a->size == 0 && a->text[0] != '\0');
    return a->status == status && strstr(a->text, text) != NULL;
}

static bool fails_in_job(const struct provider *p, enum ask status, const char *text)
{
    struct job j;
    bool is_it;

    job_init(&j, p, 1);
    CHECK(!job_run(&j));
    job_finish(&j);
    is_it = is_failure(&j.answer, status, text);
    CHECK(status_of(&j) == (j.answer.status < ASK_NO_SERVER ? ASYNC_STATUS_OK : ASYNC_STATUS_ERR));
    job_free(&j);
    return is_it;
}

/* The same outside of a job. */
static bool fails(const struct provider *p, enum ask status, const char *text)
{
    static const uint8_t data[1];
    struct answer a;

    ask_to_sign(p, data, sizeof(data), &a);
    return is_failure(&a, status, text);
}

/*
 * Asks until the answer has that status, and the text in its text. On a busy machine the first
 * deadline may pass before the server has done anything; the next one is later.
 */
static void fail(const char *path, bool (*failure)(const struct provider *, enum ask, const char *), enum ask status,
                 const char *text)
{
    uint32_t timeout = SHORT;

    for (;; timeout *= 2) {
        struct provider p = provider_for(path, timeout);

        if (failure(&p, status, text))
            return;
        CHECK(timeout < LONG);
    }
}

static void fail_both(const char *path, enum ask status, const char *text)
{
    fail(path, fails_in_job, status, text);
    fail(path, fails, status, text);
}

static void sign(const struct provider *p)
{
    static const uint8_t data[5] = "data";
    struct answer a;

    ask_to_sign(p, data, sizeof(data), &a);
    check_signature(&a, data, sizeof(data));
}

static void refuse(struct fake *f, const struct fake_request *r) { fake_refuse(f, r, ASK_DENIED, "not \x1b for you"); }

static void refusals(void)
{
    static struct fake f;
    fake_start(&f);
    f.on_request = refuse;
    fail_both(f.path, ASK_DENIED, "not ? for you");
    fake_end(&f);
}

/* There is no server until the deadline, and later there is. */
static void no_server(void)
{
    static struct fake f;
    struct provider p;

    fake_start(&f);
    fake_kill(&f);
    fail_both(f.path, ASK_NO_SERVER, " ms): No such file or directory");
    p = provider_for(f.path, SHORT);
    CHECK(fails_in_job(&p, ASK_NO_SERVER, "/sock does not answer (tried for 60 ms)"));
    CHECK(fails(&p, ASK_NO_SERVER, "/sock does not answer (tried for 60 ms)"));
    CHECK(fails(&p, ASK_NO_SERVER, f.path));
    fake_listen(&f);
    p = provider_for(f.path, LONG);
    sign_in_job(&p, 2);
    sign(&p);
    fake_end(&f);
}

static bool say_nothing(struct fake *f, int fd)
{
    (void)f, (void)fd;
    return false;
}

/* The server is stopped: before the hello, and after it. */
static void silent_server(void)
{
    static struct fake f;
    struct provider p, patient;

    fake_start(&f);
    f.on_connection = say_nothing;
    p = provider_for(f.path, SHORT);
    patient = provider_for(f.path, LONG);
    CHECK(fails_in_job(&p, ASK_NO_SERVER, "/sock does not answer (tried for 60 ms)"));
    FAKE_AWAIT(&f, connections, 1);
    CHECK(fails_in_job(&p, ASK_NO_SERVER, "/sock does not answer")); /* that is enough of this connection */
    CHECK(fails(&p, ASK_NO_SERVER, "/sock does not answer (tried for 60 ms)"));
    FAKE_SET(&f, on_connection, NULL);
    sign_in_job(&patient, 3);
    FAKE_SET(&f, on_request, fake_hold);
    CHECK(fails_in_job(&p, ASK_NO_SERVER, "/sock does not answer"));
    CHECK(fails(&p, ASK_NO_SERVER, "/sock does not answer"));
    fake_release(&f);
    sign_in_job(&patient, 4);
    sign(&patient);
    fake_end(&f);
}

/* Holds requests whose deadline is to pass. */
static void hold_brief(struct fake *f, const struct fake_request *r)
{
    if (r->timeout < LONG / 2)
        fake_hold(f, r);
    else
        fake_sign_request(f, r);
}

/* Reports whether another request was answered between a request and its deadline. */
static bool answers_others_first(struct fake *f, const struct provider *p, const struct provider *patient)
{
    struct job j;
    bool is_it;

    FAKE_SET(f, on_request, hold_brief);
    job_init(&j, p, 6);
    CHECK(!job_run(&j));
    sign_in_job(patient, 7);
    job_finish(&j);
    is_it = is_failure(&j.answer, ASK_EXPIRED, " has not answered within ");
    CHECK(is_it || j.answer.status == ASK_NO_SERVER);
    job_free(&j);
    return is_it;
}

/*
 * One request is late, while others are answered: the deadline is the server's fault, and its late
 * answer is nobody's.
 */
static void late_answer(void)
{
    static struct fake f;
    struct provider p, patient;
    unsigned connections, i;
    uint32_t timeout = SHORT;

    fake_start(&f);
    patient = provider_for(f.path, LONG);
    do {
        p = provider_for(f.path, timeout);
        sign_in_job(&patient, 5);
        connections = f.connections;
        timeout *= 2;
        CHECK(timeout < LONG / 2);
    } while (!answers_others_first(&f, &p, &patient));
    fake_release(&f);
    for (i = 0; i < 10; i++)
        sign_in_job(&patient, i);
    CHECK(f.connections == connections);
    fake_end(&f);
}

/*
 * The server takes 2 requests at once. The others wait, with the status that says so, and are sent
 * when answers come.
 */
static void in_flight_limit(void)
{
    static struct fake f;
    struct job jobs[10];
    struct provider p;
    int i;

    fake_start(&f);
    f.limit = 2;
    p = provider_for(f.path, LONG);
    sign_in_job(&p, 8);
    FAKE_SET(&f, on_request, fake_hold);
    for (i = 0; i < 10; i++) {
        job_init(&jobs[i], &p, i);
        CHECK(!job_run(&jobs[i]));
        CHECK(status_of(&jobs[i]) == (i < 2 ? ASYNC_STATUS_OK : ASYNC_STATUS_EAGAIN));
    }
    FAKE_AWAIT(&f, held, 2);
    fake_release(&f);
    for (i = 0; i < 10; i++) {
        job_finish(&jobs[i]);
        CHECK(jobs[i].pauses == 1 && status_of(&jobs[i]) == ASYNC_STATUS_OK);
        check_signature(&jobs[i].answer, jobs[i].data, sizeof(jobs[i].data));
        job_free(&jobs[i]);
    }
    CHECK(f.most == 2);
    fake_end(&f);
}

static uint8_t full_status;
static unsigned full_times;

static void be_full(struct fake *f, const struct fake_request *r)
{
    if (full_times == 0) {
        fake_sign_request(f, r);
    } else {
        full_times--;
        fake_refuse(f, r, full_status, "full of work");
    }
}

/*
 * The server is full or drains, for a while and for good. The job learns of the first time, and the
 * request is sent again.
 */
static void full_server(uint8_t status)
{
    static struct fake f;
    struct provider p;
    struct job j;

    fake_start(&f);
    full_status = status;
    full_times = 5;
    f.on_request = be_full;
    p = provider_for(f.path, LONG);
    job_init(&j, &p, 9);
    CHECK(!job_run(&j));
    CHECK(is_readable(job_fd(&j), -1));
    CHECK(!job_run(&j)); /* the server was full once, or more often by now */
    CHECK(status_of(&j) == ASYNC_STATUS_EAGAIN);
    job_finish(&j);
    CHECK(j.pauses == 2 && status_of(&j) == ASYNC_STATUS_OK && f.requests == 6);
    check_signature(&j.answer, j.data, sizeof(j.data));
    job_free(&j);
    FAKE_SET(&f, on_request, be_full);
    full_times = 3;
    sign(&p);
    CHECK(f.requests == 10);

    full_times = UINT_MAX;
    fail_both(f.path, status, "full of work");
    CHECK(f.most == 1);
    fake_end(&f);
}

/* The server is killed with requests, and comes back. No job learns of it. */
static void killed_server(void)
{
    enum { N = 50 };
    static struct fake f;
    struct job jobs[N];
    struct provider p;
    int i, round;

    fake_start(&f);
    p = provider_for(f.path, LONG);
    for (round = 0; round < repetitions(20, 4); round++) {
        FAKE_SET(&f, on_request, round % 2 == 0 ? fake_hold : NULL);
        for (i = 0; i < N; i++) {
            job_init(&jobs[i], &p, i);
            CHECK(!job_run(&jobs[i]));
        }
        if (round % 2 == 0)
            FAKE_AWAIT(&f, held, N);
        fake_kill(&f);
        FAKE_SET(&f, on_request, NULL);
        fake_listen(&f);
        for (i = 0; i < N; i++) {
            job_finish(&jobs[i]);
            CHECK(jobs[i].pauses == 1);
            check_signature(&jobs[i].answer, jobs[i].data, sizeof(jobs[i].data));
            job_free(&jobs[i]);
        }
        sign(&p);
    }
    fake_end(&f);
}

static void *ask_blocking(void *provider)
{
    sign(provider);
    return NULL;
}

/* The same outside of jobs: with a request under way, and with idle connections. */
static void killed_server_blocking(void)
{
    enum { N = 10 }; /* more than there may be idle connections */
    static struct fake f;
    pthread_t threads[N];
    struct provider p;
    int i, round;

    fake_start(&f);
    p = provider_for(f.path, LONG);
    for (round = 0; round < 5; round++) {
        FAKE_SET(&f, on_request, fake_hold);
        for (i = 0; i < N; i++)
            CHECK(pthread_create(&threads[i], NULL, ask_blocking, &p) == 0);
        FAKE_AWAIT(&f, held, N);
        if (round % 2 == 0) {
            fake_kill(&f);
            FAKE_SET(&f, on_request, NULL);
            fake_listen(&f);
        } else {
            fake_release(&f);
        }
        for (i = 0; i < N; i++)
            CHECK(pthread_join(threads[i], NULL) == 0);
    }
    fake_kill(&f);
    fake_listen(&f);
    sign(&p);
    fake_end(&f);
}

/* What a mad server sends in place of its hello, or of its answer. */
static const struct {
    const char *bytes;
    size_t size;
    enum ask status;  /* if it does so always */
    const char *text; /* of the answer then */
} madness[] = {
#define SAYS(text) text, sizeof(text) - 1
    { SAYS("\0\0\0\0"), ASK_MALFORMED, "breaks the protocol" },
    { SAYS("\0\0\x80\1"), ASK_MALFORMED, "breaks the protocol" },
    { SAYS("HTTP/1.1 400 Bad Request\r\n\r\n"), ASK_MALFORMED, "breaks the protocol" },
    { SAYS("\0\0\0\3abc"), ASK_MALFORMED, "breaks the protocol" },
    { SAYS("\0\0\0\x0a\0\0\0\0\0\0\0\0\0s"), ASK_MALFORMED, "breaks the protocol" },
    { SAYS("\0\0\0\x0a\x70\0\0\1\0\0\0\1\0s"), ASK_MALFORMED, "breaks the protocol" },
    { SAYS("\0\0\0\x0a\0\0\0\0\0\0\1\1\0s"), ASK_MALFORMED, "breaks the protocol" },
    { SAYS("\0\0\0\x0a\0\0\0\0\xff\xff\xff\xff\0s"), ASK_MALFORMED, "breaks the protocol" },
    { SAYS("\0\0\0\x10\0\0\0\0\0\0\0\0\7goodbye"), ASK_NO_SERVER, "goodbye" },
    { SAYS("\0\0\0\x10" "AKSP\0\2\0\2\0\1\0\0\0\0\0\0"), ASK_MALFORMED, "breaks the protocol" },
    { SAYS(""), ASK_NO_SERVER, "does not answer" }, /* closes the connection */
#undef SAYS
};
static unsigned mad_about;

static void say_it(int fd)
{
    fake_write(fd, madness[mad_about].bytes, madness[mad_about].size);
    shutdown(fd, SHUT_RDWR);
}

static bool mad_hello(struct fake *f, int fd)
{
    (void)f;
    say_it(fd);
    return false;
}

static void mad_answer(struct fake *f, const struct fake_request *r)
{
    f->under_way--;
    say_it(r->fd);
}

/* The server is mad about one thing: until it comes to its senses, or for good. */
static void mad_server(void)
{
    static struct fake f;
    struct provider patient;
    struct job j;

    fake_start(&f);
    patient = provider_for(f.path, LONG);
    for (mad_about = 0; mad_about < sizeof(madness) / sizeof(madness[0]); mad_about++) {
        unsigned seen = f.connections;

        FAKE_SET(&f, on_connection, mad_hello);
        fake_kill(&f);
        fake_listen(&f);
        job_init(&j, &patient, 10);
        CHECK(!job_run(&j));
        FAKE_AWAIT(&f, connections, seen + 1);
        fail_both(f.path, madness[mad_about].status, madness[mad_about].text);
        FAKE_SET(&f, on_connection, NULL);
        job_finish(&j);
        check_signature(&j.answer, j.data, sizeof(j.data));

        seen = f.requests;
        FAKE_SET(&f, on_request, mad_answer);
        CHECK(!job_run(&j));
        FAKE_AWAIT(&f, requests, seen + 1);
        fail(f.path, fails, madness[mad_about].status, madness[mad_about].text);
        FAKE_SET(&f, on_request, NULL);
        sign(&patient);
        job_finish(&j);
        check_signature(&j.answer, j.data, sizeof(j.data));
        job_free(&j);
    }
    fake_end(&f);
}

static int big_main(void *args)
{
    struct job *j = *(struct job **)args;
    uint8_t *data = calloc(1, FRAME_MAX_DATA);

    CHECK(data != NULL);
    ask_to_sign(j->provider, data, FRAME_MAX_DATA, &j->answer);
    free(data);
    return 1;
}

/*
 * The server does not read, and there are more requests than a socket holds. No job waits for the
 * socket. When the server reads, all go out.
 */
static void deaf_server(void)
{
    enum { N = 40 };
    static struct fake f;
    struct job jobs[N];
    struct provider p;
    int i, ret, full = 0;

    fake_start(&f);
    p = provider_for(f.path, LONG);
    sign_in_job(&p, 11);
    FAKE_SET(&f, deaf, true);
    for (i = 0; i < N; i++) {
        struct job *j = &jobs[i];

        job_init(j, &p, i);
        CHECK((j->ctx = ASYNC_WAIT_CTX_new()) != NULL);
        CHECK(ASYNC_start_job(&j->handle, j->ctx, &ret, big_main, &j, sizeof(j)) == ASYNC_PAUSE);
        full += status_of(j) == ASYNC_STATUS_EAGAIN;
    }
    CHECK(full > 0 && full < N);
    FAKE_SET(&f, deaf, false);
    for (i = 0; i < N; i++) {
        job_finish(&jobs[i]);
        CHECK(jobs[i].answer.status == ASK_OK && jobs[i].answer.size == 128);
        job_free(&jobs[i]);
    }
    sign_in_job(&p, 12);
    fake_end(&f);
}

static void send_twice(struct fake *f, const struct fake_request *r)
{
    fake_sign_request(f, r);
    f->under_way++;
    fake_sign_request(f, r);
}

/* Each answer comes twice. The second may come while its number is another request's. */
static void doubled_answers(void)
{
    static struct fake f;
    struct provider p;
    unsigned i;

    fake_start(&f);
    f.on_request = send_twice;
    p = provider_for(f.path, LONG);
    for (i = 0; i < 20; i++) {
        sign_in_job(&p, i);
        sign(&p);
    }
    fake_end(&f);
}

static void send_longest(struct fake *f, const struct fake_request *r)
{
    static uint8_t frame[FRAME_HEAD + FRAME_MAX_BODY] = { 0, 0, FRAME_MAX_BODY >> 8, FRAME_MAX_BODY & 255 };
    int i;

    f->under_way--;
    for (i = 0; i < 8; i++)
        frame[4 + i] = (uint8_t)(r->id >> (56 - 8 * i));
    fake_write(r->fd, frame, sizeof(frame));
}

/* The longest answer that the server may send, and answers that come byte by byte. */
static void longest_answer(void)
{
    static struct fake f;
    struct provider p;
    struct answer a;
    struct job j;

    fake_start(&f);
    f.on_request = send_longest;
    p = provider_for(f.path, LONG);
    job_init(&j, &p, 13);
    CHECK(!job_run(&j));
    job_finish(&j);
    CHECK(j.answer.status == ASK_OK && j.answer.size == FRAME_MAX_BODY - 9);
    job_free(&j);
    ask_to_sign(&p, (const uint8_t *)"x", 1, &a);
    CHECK(a.status == ASK_OK && a.size == FRAME_MAX_BODY - 9);
    free(a.data);
    fake_end(&f);
}

/* Requests that no server takes, and paths that no socket has. */
static void bad_requests(void)
{
    static struct fake f;
    static uint8_t data[FRAME_MAX_DATA + 1];
    char path[200];
    struct provider p;
    struct answer a;

    fake_start(&f);
    p = provider_for(f.path, LONG);
    ask_to_sign(&p, data, sizeof(data), &a);
    CHECK(a.status == ASK_BAD && strstr(a.text, "65537 bytes") != NULL);
    CHECK(f.requests == 0);
    memset(path, 'x', sizeof(path));
    path[107] = '\0';
    CHECK(server_get(path, 1) != NULL);
    path[107] = 'x';
    path[108] = '\0';
    FAILS(server_get(path, 1), EINVAL);
    FAILS(server_get("", 1), EINVAL);
    FAILS(server_get(f.path, 0), EINVAL);
    fake_end(&f);
}

int main(void)
{
    refusals();
    no_server();
    silent_server();
    late_answer();
    in_flight_limit();
    full_server(ASK_BUSY);
    full_server(ASK_UNAVAILABLE);
    killed_server();
    killed_server_blocking();
    mad_server();
    deaf_server();
    doubled_answers();
    longest_answer();
    bad_requests();
    return 0;
}
