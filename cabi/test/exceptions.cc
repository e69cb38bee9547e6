// C++ exceptions in jobs. The runtime keeps a stack of the exceptions that a thread handles, and
// counts those in flight. Each job needs its own, as each thread has.
#include <openssl/async.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>

#define CHECK(condition) \
    do { \
        if (!(condition)) { \
            std::fprintf(stderr, "%s:%d: %s is false\n", __FILE__, __LINE__, #condition); \
            std::exit(1); \
        } \
    } while (0)

static int ret;

static int start(ASYNC_JOB **job, int (*fn)(void *), int n) { return ASYNC_start_job(job, NULL, &ret, fn, &n, sizeof(n)); }

static std::string current()
{
    try {
        std::rethrow_exception(std::current_exception());
    } catch (const std::string &s) {
        return s;
    }
}

// Handles an exception, with a second one inside, while it pauses.
static int handles(void *p)
{
    int n = *static_cast<int *>(p);
    const std::string outer = "outer of " + std::to_string(n), inner = "inner of " + std::to_string(n);

    CHECK(std::current_exception() == nullptr);
    try {
        try {
            throw outer;
        } catch (const std::string &) {
            ASYNC_pause_job();
            CHECK(current() == outer);
            try {
                throw inner;
            } catch (const std::string &) {
                ASYNC_pause_job();
                CHECK(current() == inner);
            }
            ASYNC_pause_job();
            throw;
        }
    } catch (const std::string &s) {
        CHECK(s == outer);
    }
    CHECK(std::current_exception() == nullptr);
    return n;
}

// Jobs in one order, and then in the other.
static void interleaved()
{
    const int n = 3;
    ASYNC_JOB *job[n] = { nullptr };

    for (int i = 0; i < n; i++)
        CHECK(start(&job[i], handles, i) == ASYNC_PAUSE && std::current_exception() == nullptr);
    for (int i = 0; i < n; i++)
        CHECK(start(&job[i], handles, i) == ASYNC_PAUSE);
    for (int i = n - 1; i >= 0; i--)
        CHECK(start(&job[i], handles, i) == ASYNC_PAUSE);
    for (int i = 0; i < n; i++)
        CHECK(start(&job[i], handles, i) == ASYNC_FINISH && ret == i);
    CHECK(std::current_exception() == nullptr && std::uncaught_exceptions() == 0);
}

// The caller handles an exception, and starts and resumes jobs meanwhile.
static void inside_a_handler()
{
    ASYNC_JOB *job = nullptr;

    try {
        throw std::string("the caller's");
    } catch (const std::string &) {
        CHECK(start(&job, handles, 1) == ASYNC_PAUSE && current() == "the caller's");
        CHECK(start(&job, handles, 1) == ASYNC_PAUSE && current() == "the caller's");
    }
    CHECK(std::current_exception() == nullptr);
    try {
        throw std::string("another");
    } catch (const std::string &) {
        CHECK(start(&job, handles, 1) == ASYNC_PAUSE && start(&job, handles, 1) == ASYNC_FINISH);
        CHECK(current() == "another");
    }
}

struct pauses_in_destructor {
    ~pauses_in_destructor()
    {
        CHECK(std::uncaught_exceptions() == 1);
        ASYNC_pause_job();
        CHECK(std::uncaught_exceptions() == 1);
    }
};

static int unwinds(void *)
{
    try {
        pauses_in_destructor p;
        throw std::string("in flight");
    } catch (const std::string &s) {
        CHECK(std::uncaught_exceptions() == 0 && s == "in flight");
    }
    return 1;
}

// Jobs pause while an exception is in flight.
static void in_flight()
{
    ASYNC_JOB *a = nullptr, *b = nullptr;

    CHECK(start(&a, unwinds, 0) == ASYNC_PAUSE && std::uncaught_exceptions() == 0);
    CHECK(start(&b, unwinds, 0) == ASYNC_PAUSE && std::uncaught_exceptions() == 0);
    CHECK(start(&a, unwinds, 0) == ASYNC_FINISH && std::uncaught_exceptions() == 0);
    CHECK(start(&b, unwinds, 0) == ASYNC_FINISH && std::uncaught_exceptions() == 0);
}

static int nests(void *p)
{
    ASYNC_JOB *inner = nullptr;

    try {
        throw std::string("of the outer job");
    } catch (const std::string &) {
        CHECK(start(&inner, handles, 5) == ASYNC_PAUSE && current() == "of the outer job");
        ASYNC_pause_job();
        CHECK(current() == "of the outer job");
        while (start(&inner, handles, 5) == ASYNC_PAUSE)
            CHECK(current() == "of the outer job");
    }
    return p != nullptr;
}

static void nested()
{
    ASYNC_JOB *job = nullptr;

    CHECK(start(&job, nests, 0) == ASYNC_PAUSE && std::current_exception() == nullptr);
    CHECK(start(&job, nests, 0) == ASYNC_FINISH && std::current_exception() == nullptr);
}

// A dropped job leaves nothing to the next one on its stack.
static void dropped()
{
    ASYNC_WAIT_CTX *ctx = ASYNC_WAIT_CTX_new();
    ASYNC_JOB *job[200] = { nullptr }, *next = nullptr;
    int n = 0;

    for (auto &j : job)
        CHECK(ASYNC_start_job(&j, ctx, &ret, handles, &n, sizeof(n)) == ASYNC_PAUSE);
    ASYNC_WAIT_CTX_free(ctx);
    for (int i = 0; i < 200; i++) {
        while (start(&next, handles, i) == ASYNC_PAUSE)
            continue;
        CHECK(ret == i);
    }
}

#ifdef PLUGIN
extern "C" void run_all();
void run_all()
#else
int main()
#endif
{
    interleaved();
    inside_a_handler();
    in_flight();
    nested();
    dropped();
    ASYNC_cleanup_thread();
#ifndef PLUGIN
    return 0;
#endif
}
