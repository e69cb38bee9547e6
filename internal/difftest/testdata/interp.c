/*
 * The interpreter of scripts on the C side. It reads scripts from its standard input, runs each
 * on the library named on its command line, and writes a trace of all observable results. doc.go
 * and step.go explain scripts. machine.go is the same in Go, and both must write the same bytes.
 *
 * One list of steps serves all: the code that has control, outside jobs, in the body of a job or
 * in a cleanup, takes the next step. So any part of a script is a script as well.
 */
#include <dlfcn.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if defined(__has_include)
# if __has_include(<openssl/async.h>)
#  include <openssl/async.h> /* if it is installed, the compiler checks the prototypes below */
# endif
#endif

typedef struct async_job_st ASYNC_JOB;
typedef struct async_wait_ctx_st ASYNC_WAIT_CTX;
typedef void cleanup_fn(ASYNC_WAIT_CTX *, const void *, int, void *);
typedef int callback_fn(void *);

int ASYNC_is_capable(void);
int ASYNC_init_thread(size_t max, size_t init);
void ASYNC_cleanup_thread(void);
int ASYNC_start_job(ASYNC_JOB **, ASYNC_WAIT_CTX *, int *, int (*)(void *), void *, size_t);
int ASYNC_pause_job(void);
void ASYNC_block_pause(void);
void ASYNC_unblock_pause(void);
ASYNC_JOB *ASYNC_get_current_job(void);
ASYNC_WAIT_CTX *ASYNC_get_wait_ctx(ASYNC_JOB *);
ASYNC_WAIT_CTX *ASYNC_WAIT_CTX_new(void);
void ASYNC_WAIT_CTX_free(ASYNC_WAIT_CTX *);
int ASYNC_WAIT_CTX_set_wait_fd(ASYNC_WAIT_CTX *, const void *, int, void *, cleanup_fn *);
int ASYNC_WAIT_CTX_get_fd(ASYNC_WAIT_CTX *, const void *, int *, void **);
int ASYNC_WAIT_CTX_get_all_fds(ASYNC_WAIT_CTX *, int *, size_t *);
int ASYNC_WAIT_CTX_get_changed_fds(ASYNC_WAIT_CTX *, int *, size_t *, int *, size_t *);
int ASYNC_WAIT_CTX_clear_fd(ASYNC_WAIT_CTX *, const void *);
int ASYNC_WAIT_CTX_set_callback(ASYNC_WAIT_CTX *, callback_fn *, void *);
int ASYNC_WAIT_CTX_get_callback(ASYNC_WAIT_CTX *, callback_fn **, void **);
int ASYNC_WAIT_CTX_set_status(ASYNC_WAIT_CTX *, int);
int ASYNC_WAIT_CTX_get_status(ASYNC_WAIT_CTX *);

/*
 * The library is opened by name at run time, so that one program works with any that exports
 * these.
 */
#define FUNCTIONS(X) \
    X(ASYNC_is_capable) X(ASYNC_init_thread) X(ASYNC_cleanup_thread) X(ASYNC_start_job) X(ASYNC_pause_job) \
    X(ASYNC_block_pause) X(ASYNC_unblock_pause) X(ASYNC_get_current_job) X(ASYNC_get_wait_ctx) \
    X(ASYNC_WAIT_CTX_new) X(ASYNC_WAIT_CTX_free) X(ASYNC_WAIT_CTX_set_wait_fd) X(ASYNC_WAIT_CTX_get_fd) \
    X(ASYNC_WAIT_CTX_get_all_fds) X(ASYNC_WAIT_CTX_get_changed_fds) X(ASYNC_WAIT_CTX_clear_fd) \
    X(ASYNC_WAIT_CTX_set_callback) X(ASYNC_WAIT_CTX_get_callback) X(ASYNC_WAIT_CTX_set_status) \
    X(ASYNC_WAIT_CTX_get_status)

static struct {
#define FIELD(f) __typeof__(&f) f;
    FUNCTIONS(FIELD)
} lib;

/* The order of step.go. */
enum op {
    NEW, FREE, SET, GET, CLEAR, ALL, CHANGED, SET_CALLBACK, CALLBACK, SET_STATUS, STATUS, INIT, CLEANUP, START, RESUME,
    PAUSE, BLOCK, UNBLOCK, CURRENT, WAIT_CTX, CAPABLE, RETURN
};
enum { CTXS = 4, JOBS = 5, NO_CTX = CTXS };
enum { CLEANUP_NONE, CLEANUP_PLAIN, CLEANUP_ACTS };
enum { BODY_STEPS, BODY_PAUSE, BODY_CAPABLE, BODY_NUMBER, BODY_NULL };
enum { NULL_NO_BYTES, NULL_BYTES };
enum { INIT_LARGE = 1, LARGE_POOL = INT32_MAX - 2 };
enum { MAX_PADDING = 600 };
enum { LIST_ADDED = 1, LIST_DELETED = 2 };

struct step {
    uint8_t op, ctx, key, variant;
    int32_t value, data;
};

#define UNTOUCHED 0x5aa55aa5
#define SECONDS 150 /* after which a script hangs; it takes a thousandth of one */

static struct step *steps;
static uint32_t count, pc;
static ASYNC_WAIT_CTX *ctxs[CTXS];
static ASYNC_JOB *jobs[JOBS]; /* the paused ones */
static ASYNC_JOB *self[JOBS]; /* the current job, as each job saw it */
static int control;              /* the code that has control: 0 outside jobs, 1 + slot in a job */

static char *trace;
static size_t used, room;

static void put(const char *s, size_t n)
{
    if (used + n > room) {
        room = 2 * (used + n);
        if ((trace = realloc(trace, room)) == NULL)
            abort();
    }
    memcpy(trace + used, s, n);
    used += n;
}

/* It does not use stdio, since jobs have small stacks. */
static void num(long long v)
{
    char buf[24], *p = buf + sizeof(buf);
    unsigned long long u = v < 0 ? 0ull - (unsigned long long)v : (unsigned long long)v;

    do
        *--p = '0' + u % 10;
    while ((u /= 10) != 0);
    if (v < 0)
        *--p = '-';
    *--p = ' ';
    put(p, buf + sizeof(buf) - p);
}

static void word(const char *s) { put(" ", 1); put(s, strlen(s)); }
static void end(void) { put("\n", 1); }

static void *ptr(int32_t v) { return (void *)(intptr_t)v; }

static int ctx_id(ASYNC_WAIT_CTX *w)
{
    if (w == NULL)
        return -1;
    for (int i = 0; i < CTXS; i++)
        if (ctxs[i] == w)
            return i;
    return -2;
}

static int run(void);

static void cleaned(ASYNC_WAIT_CTX *w, const void *key, int fd, void *data)
{
    put("~", 1);
    num(ctx_id(w)), num((intptr_t)key), num(fd), num((intptr_t)data);
    end();
}

static void cleanup_plain(ASYNC_WAIT_CTX *w, const void *key, int fd, void *data) { cleaned(w, key, fd, data); }

static void cleanup_acts(ASYNC_WAIT_CTX *w, const void *key, int fd, void *data)
{
    cleaned(w, key, fd, data);
    run();
}

static int called(int id, void *arg)
{
    put("*", 1);
    num(id), num((intptr_t)arg);
    end();
    return id;
}

static int callback1(void *arg) { return called(1, arg); }
static int callback2(void *arg) { return called(2, arg); }
static int callback3(void *arg) { return called(3, arg); }
static callback_fn *const callbacks[] = { NULL, callback1, callback2, callback3 };

/* The arguments of a job, which the library copies. */
struct args {
    int slot;
    int32_t value, padding;
    unsigned char pad[MAX_PADDING];
};
#define ARGS_SIZE offsetof(struct args, pad)

static int body_steps(void *p)
{
    struct args a;
    int ret;

    memcpy(&a, p, ARGS_SIZE);
    control = 1 + a.slot;
    self[a.slot] = lib.ASYNC_get_current_job();
    put(">", 1);
    num(a.slot);
    end();
    ret = run();
    if (memcmp(&a, p, ARGS_SIZE) != 0)
        word("args");
    return ret;
}

static int body_pause(void *p) { (void)p; return lib.ASYNC_pause_job(); }
static int body_capable(void *p) { (void)p; return lib.ASYNC_is_capable(); }
static int body_null(void *p) { return p != NULL; }

static int body_number(void *p)
{
    struct args *a = p;

    for (int i = 0; i < a->padding; i++)
        if (a->pad[i] != (unsigned char)(a->value + i))
            word("args");
    return a->value;
}

static int (*const bodies[])(void *) = { body_steps, body_pause, body_capable, body_number, body_null };

/* Passed when a job is resumed. The library must ignore it; a call shows in the trace. */
static int trap(void *p) { (void)p; put("trap\n", 5); return -1; }

static void outcome(int slot, ASYNC_JOB *job, int out, int ret)
{
    num(out);
    if (out == 3)
        num(ret);
    else if (ret != UNTOUCHED)
        word("touched");
    if ((job != NULL) != (out == 2) || (job != NULL && self[slot] != NULL && job != self[slot]))
        word("handle");
    jobs[slot] = job;
}

static void start(const struct step *s)
{
    struct args a = { .slot = s->key, .value = s->value };
    ASYNC_JOB *job = NULL;
    int mine = control, ret = UNTOUCHED, out;
    size_t size = ARGS_SIZE;
    void *args = &a;

    if (s->variant == BODY_NUMBER) {
        a.padding = s->data;
        size += s->data;
        for (int i = 0; i < a.padding; i++)
            a.pad[i] = (unsigned char)(a.value + i);
    } else if (s->variant == BODY_NULL) {
        args = s->value == NULL_NO_BYTES ? &a : NULL;
        size = s->value == NULL_BYTES ? sizeof(a) : 0;
    }
    self[s->key] = NULL;
    out = lib.ASYNC_start_job(&job, s->ctx < CTXS ? ctxs[s->ctx] : NULL, &ret, bodies[s->variant], args, size);
    control = mine;
    put("=", 1), num(s->key);
    outcome(s->key, job, out, ret);
}

static void resume(const struct step *s)
{
    ASYNC_JOB *job = jobs[s->key];
    int mine = control, ret = UNTOUCHED, out;
    long long junk = 0;

    out = lib.ASYNC_start_job(&job, ctxs[0], &ret, trap, &junk, sizeof(junk));
    control = mine;
    put("=", 1), num(s->key);
    outcome(s->key, job, out, ret);
}

static void numbers(const char *mark, const int *fds, size_t n)
{
    word(mark);
    for (size_t i = 0; i < n; i++)
        num(fds[i]);
}

/* Makes room for n fds, and a mark behind them that shows if the library writes more. */
static int *room_for(size_t n)
{
    int *p = malloc((n + 1) * sizeof(*p));

    if (p == NULL)
        abort();
    p[n] = UNTOUCHED;
    return p;
}

static void all(ASYNC_WAIT_CTX *w)
{
    size_t n = 99, n2 = 99;
    int *fds;

    num(lib.ASYNC_WAIT_CTX_get_all_fds(w, NULL, &n));
    fds = room_for(n);
    lib.ASYNC_WAIT_CTX_get_all_fds(w, fds, &n2);
    num(n), num(n2);
    numbers("fds", fds, n);
    if (fds[n] != UNTOUCHED)
        word("overrun");
    free(fds);
}

static void changed(ASYNC_WAIT_CTX *w, int lists)
{
    size_t na = 99, nd = 99, na2 = 99, nd2 = 99;
    int *add, *del;

    num(lib.ASYNC_WAIT_CTX_get_changed_fds(w, NULL, &na, NULL, &nd));
    add = room_for(na);
    del = room_for(nd);
    lib.ASYNC_WAIT_CTX_get_changed_fds(w, lists & LIST_ADDED ? add : NULL, &na2, lists & LIST_DELETED ? del : NULL, &nd2);
    num(na), num(nd), num(na2), num(nd2);
    if (lists & LIST_ADDED)
        numbers("added", add, na);
    if (lists & LIST_DELETED)
        numbers("deleted", del, nd);
    if (add[na] != UNTOUCHED || del[nd] != UNTOUCHED)
        word("overrun");
    free(add);
    free(del);
}

static void get(ASYNC_WAIT_CTX *w, const void *key)
{
    int fd = UNTOUCHED;
    void *data = ptr(UNTOUCHED);
    int ok = lib.ASYNC_WAIT_CTX_get_fd(w, key, &fd, &data);

    num(ok);
    if (ok)
        num(fd), num((intptr_t)data);
    else if (fd != UNTOUCHED || data != ptr(UNTOUCHED))
        word("touched");
}

static void callback(ASYNC_WAIT_CTX *w)
{
    callback_fn *fn = callback1;
    void *arg = ptr(UNTOUCHED);
    int ok = lib.ASYNC_WAIT_CTX_get_callback(w, &fn, &arg);

    if (ok)
        fn(arg);
    put("=", 1), num(ok);
    if (ok)
        num((intptr_t)arg);
    else if (fn != callback1 || arg != ptr(UNTOUCHED))
        word("touched");
}

static void current(void)
{
    ASYNC_JOB *job = lib.ASYNC_get_current_job();

    if (control == 0 || job == NULL) {
        num(job != NULL);
        return;
    }
    num(1);
    if (job != self[control - 1])
        word("another");
    num(ctx_id(lib.ASYNC_get_wait_ctx(job)));
}

/*
 * Does one step. Each step of a script is possible in its state. If it is not, the library has
 * done something unexpected; then the trace says "astray", and the step is skipped, since its
 * behaviour would be undefined.
 */
static void step(const struct step *s)
{
    ASYNC_WAIT_CTX *w = s->ctx < CTXS ? ctxs[s->ctx] : NULL;
    int mine = control, ok;

    if (s->op > NEW && s->op <= STATUS && w == NULL) {
        word("astray");
        return;
    }
    switch (s->op) {
    case NEW:
        ctxs[s->ctx] = w = lib.ASYNC_WAIT_CTX_new();
        num(w != NULL);
        break;
    case FREE:
        end();
        lib.ASYNC_WAIT_CTX_free(w);
        ctxs[s->ctx] = NULL;
        put("= freed", 7);
        break;
    case SET:
        num(lib.ASYNC_WAIT_CTX_set_wait_fd(w, ptr(s->key), s->value, ptr(s->data), s->variant == CLEANUP_NONE ? NULL
                                           : s->variant == CLEANUP_PLAIN ? cleanup_plain : cleanup_acts));
        break;
    case GET:
        get(w, ptr(s->key));
        break;
    case CLEAR:
        num(lib.ASYNC_WAIT_CTX_clear_fd(w, ptr(s->key)));
        break;
    case ALL:
        all(w);
        break;
    case CHANGED:
        changed(w, s->variant);
        break;
    case SET_CALLBACK:
        num(lib.ASYNC_WAIT_CTX_set_callback(w, callbacks[s->variant], ptr(s->data)));
        break;
    case CALLBACK:
        end();
        callback(w);
        break;
    case SET_STATUS:
        num(lib.ASYNC_WAIT_CTX_set_status(w, s->value));
        break;
    case STATUS:
        num(lib.ASYNC_WAIT_CTX_get_status(w));
        break;
    case INIT:
        num(lib.ASYNC_init_thread(s->variant == INIT_LARGE ? (size_t)LARGE_POOL + s->value : (size_t)s->value, s->data));
        break;
    case CLEANUP:
        lib.ASYNC_cleanup_thread();
        break;
    case START:
        if (jobs[s->key] != NULL || control != 0) {
            word("astray");
            break;
        }
        end();
        start(s);
        break;
    case RESUME:
        if (jobs[s->key] == NULL || control != 0) {
            word("astray");
            break;
        }
        end();
        resume(s);
        break;
    case PAUSE:
        end();
        ok = lib.ASYNC_pause_job();
        control = mine;
        put("=", 1), num(control), num(ok);
        break;
    case BLOCK:
        lib.ASYNC_block_pause();
        break;
    case UNBLOCK:
        lib.ASYNC_unblock_pause();
        break;
    case CURRENT:
        current();
        break;
    case WAIT_CTX:
        if (jobs[s->key] == NULL)
            word("astray");
        else
            num(ctx_id(lib.ASYNC_get_wait_ctx(jobs[s->key])));
        break;
    case CAPABLE:
        num(lib.ASYNC_is_capable());
        break;
    }
    end();
}

/* Takes steps until one returns from the body or the cleanup that called it. */
static int run(void)
{
    while (pc < count) {
        const struct step *s = &steps[pc];

        num(pc++), num(control);
        if (s->op != RETURN) {
            step(s);
            continue;
        }
        end();
        return s->value;
    }
    return 0;
}

/* Opens the library, and writes its version to the trace, see version.go. */
static int load(const char *name)
{
    void *h = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    unsigned long (*version)(void);

    if (h == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        return 0;
    }
#define LOAD(f) \
    if ((*(void **)&lib.f = dlsym(h, #f)) == NULL) { \
        fprintf(stderr, "%s\n", dlerror()); \
        return 0; \
    }
    FUNCTIONS(LOAD)
    *(void **)&version = dlsym(h, "OpenSSL_version_num");
    num(version != NULL ? (long long)version() : 0);
    return 1;
}

static int write_all(const void *p, size_t n) { return fwrite(p, 1, n, stdout) == n && fflush(stdout) == 0; }

/* Sends the trace so far: its end shows where the library crashed or hung. */
static void died(int sig)
{
    uint32_t n;

    word("died of signal"), num(sig), end();
    n = used;
    if (write(STDOUT_FILENO, &n, sizeof(n)) == sizeof(n) && write(STDOUT_FILENO, trace, used) == (ssize_t)used)
        _exit(3);
    _exit(4);
}

static void catch_crashes(void)
{
    static char stack[1 << 16];
    stack_t alt = { .ss_sp = stack, .ss_size = sizeof(stack) };
    struct sigaction act = { .sa_handler = died, .sa_flags = SA_ONSTACK | SA_RESETHAND };
    const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGALRM };

    sigaltstack(&alt, NULL);
    for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++)
        sigaction(signals[i], &act, NULL);
}

int main(int argc, char **argv)
{
    uint32_t n;

    if (argc != 2 || !load(argv[1]))
        return 2;
    catch_crashes();
    n = used; /* the first trace says that the program is ready */
    if (!write_all(&n, sizeof(n)) || !write_all(trace, used))
        return 1;
    while (fread(&count, sizeof(count), 1, stdin) == 1) {
        if ((steps = realloc(steps, (count + 1) * sizeof(*steps))) == NULL
            || fread(steps, sizeof(*steps), count, stdin) != count)
            return 1;
        used = pc = 0;
        alarm(SECONDS);
        while (pc < count)
            run();
        alarm(0);
        n = used;
        if (!write_all(&n, sizeof(n)) || !write_all(trace, used))
            return 1;
    }
    return 0;
}
