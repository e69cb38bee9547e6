/*
 * An ENGINE for the tests. It signs with RSA and ECDSA by libcrypto's own methods, in a thread. A
 * job that wants a signature pauses meanwhile. The engine wakes the application by the callback
 * if the session has one, else by a wait fd, which stays the same for the session's life. It uses
 * the public functions alone, so it works with the jobs of libcrypto and of libasync.
 *
 *     openssl speed -engine /path/to/asyncengine.so -async_jobs 8 rsa2048
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/async.h>
#include <openssl/engine.h>
#include <openssl/evp.h>
#include <openssl/objects.h>

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

typedef int sign_fn(EVP_PKEY_CTX *, unsigned char *, size_t *, const unsigned char *, size_t);

/* One signature. It is on the stack of the job that waits for it. */
struct task {
    struct task *next;
    sign_fn *sign;
    EVP_PKEY_CTX *ctx;
    unsigned char *sig;
    size_t *siglen;
    const unsigned char *tbs;
    size_t tbslen;
    ASYNC_WAIT_CTX *session;
    int fd, result, done;
};

static const char key[] = "asyncengine"; /* its address is the key of our wait fds */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t work = PTHREAD_COND_INITIALIZER, idle = PTHREAD_COND_INITIALIZER;
static struct task *queue, **queue_end = &queue, *current;
static int running;
static pid_t owner; /* the process that the worker belongs to */

static sign_fn *rsa_sign, *ec_sign;
static EVP_PKEY_METHOD *rsa_method, *ec_method;

enum { BY_CALLBACK = -1, GONE = -2 }; /* instead of a wait fd */

static void wake(struct task *t)
{
    ASYNC_callback_fn callback;
    uint64_t one = 1;
    void *arg;

    if (t->fd >= 0) {
        if (write(t->fd, &one, sizeof(one)) < 0)
            abort();
    } else if (t->fd == BY_CALLBACK && ASYNC_WAIT_CTX_get_callback(t->session, &callback, &arg)) {
        callback(arg);
    }
}

static void *worker(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&lock);
    for (;;) {
        struct task *t;

        while ((t = queue) == NULL)
            pthread_cond_wait(&work, &lock);
        if ((queue = t->next) == NULL)
            queue_end = &queue;
        current = t;
        pthread_mutex_unlock(&lock);
        t->result = t->sign(t->ctx, t->sig, t->siglen, t->tbs, t->tbslen);
        pthread_mutex_lock(&lock);
        t->done = 1; /* the job reads this under the lock, so t still exists for the wake */
        wake(t);
        current = NULL;
        pthread_cond_broadcast(&idle);
    }
    return unused;
}

static void start_worker(void)
{
    pthread_t thread;

    if (running && owner == getpid())
        return;
    if (pthread_create(&thread, NULL, worker, NULL) != 0)
        abort();
    pthread_detach(thread);
    running = 1;
    owner = getpid();
}

/*
 * Called when the session ends. A job that still waits was dropped: its task is removed, or not
 * woken.
 */
static void close_fd(ASYNC_WAIT_CTX *session, const void *k, OSSL_ASYNC_FD fd, void *data)
{
    struct task **t = &queue;

    (void)session, (void)k, (void)data;
    pthread_mutex_lock(&lock);
    while (*t != NULL)
        if ((*t)->fd == fd)
            *t = (*t)->next;
        else
            t = &(*t)->next;
    queue_end = t;
    if (current != NULL && current->fd == fd)
        current->fd = GONE;
    pthread_mutex_unlock(&lock);
    close(fd);
}

/* Returns the session's wait fd, or BY_CALLBACK. */
static int attach(ASYNC_WAIT_CTX *session)
{
    ASYNC_callback_fn callback;
    void *arg;
    int fd;

    if (ASYNC_WAIT_CTX_get_callback(session, &callback, &arg)) {
        ASYNC_WAIT_CTX_set_status(session, ASYNC_STATUS_OK);
        return BY_CALLBACK;
    }
    if (ASYNC_WAIT_CTX_get_fd(session, key, &fd, &arg))
        return fd;
    if ((fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) < 0 || !ASYNC_WAIT_CTX_set_wait_fd(session, key, fd, NULL, close_fd))
        abort();
    return fd;
}

static int done(struct task *t)
{
    int d;

    pthread_mutex_lock(&lock);
    d = t->done;
    pthread_mutex_unlock(&lock);
    return d;
}

static int sign(sign_fn *fn, EVP_PKEY_CTX *ctx, unsigned char *sig, size_t *siglen, const unsigned char *tbs, size_t tbslen)
{
    ASYNC_JOB *job = ASYNC_get_current_job();
    struct task t = { NULL, fn, ctx, sig, siglen, tbs, tbslen, NULL, BY_CALLBACK, 0, 0 };
    uint64_t count;

    if (job == NULL || sig == NULL) /* with sig NULL the caller only wants the length */
        return fn(ctx, sig, siglen, tbs, tbslen);
    t.session = ASYNC_get_wait_ctx(job);
    t.fd = attach(t.session);
    pthread_mutex_lock(&lock);
    start_worker();
    *queue_end = &t;
    queue_end = &t.next;
    pthread_cond_signal(&work);
    pthread_mutex_unlock(&lock);
    do
        ASYNC_pause_job(); /* if resumed too early, it pauses again */
    while (!done(&t));
    if (t.fd >= 0 && read(t.fd, &count, sizeof(count)) < 0)
        count = 0; /* it was resumed before the wake */
    return t.result;
}

static int sign_rsa(EVP_PKEY_CTX *c, unsigned char *s, size_t *n, const unsigned char *t, size_t m)
{
    return sign(rsa_sign, c, s, n, t, m);
}

static int sign_ec(EVP_PKEY_CTX *c, unsigned char *s, size_t *n, const unsigned char *t, size_t m)
{
    return sign(ec_sign, c, s, n, t, m);
}

/* Returns a copy of libcrypto's own method that signs by our function. */
static EVP_PKEY_METHOD *wrap(int id, sign_fn **original, sign_fn *ours)
{
    const EVP_PKEY_METHOD *libcryptos = EVP_PKEY_meth_find(id);
    EVP_PKEY_METHOD *m = EVP_PKEY_meth_new(id, 0);
    int (*init)(EVP_PKEY_CTX *);
    int flags;

    if (libcryptos == NULL || m == NULL)
        return NULL;
    EVP_PKEY_meth_get0_info(NULL, &flags, libcryptos);
    EVP_PKEY_meth_free(m);
    if ((m = EVP_PKEY_meth_new(id, flags)) == NULL)
        return NULL;
    EVP_PKEY_meth_copy(m, libcryptos);
    EVP_PKEY_meth_get_sign(libcryptos, &init, original);
    EVP_PKEY_meth_set_sign(m, init, ours);
    return m;
}

static int methods(ENGINE *e, EVP_PKEY_METHOD **method, const int **nids, int nid)
{
    static const int list[] = { NID_rsaEncryption, NID_X9_62_id_ecPublicKey };

    (void)e;
    if (method == NULL) {
        *nids = list;
        return 2;
    }
    *method = nid == NID_rsaEncryption ? rsa_method : nid == NID_X9_62_id_ecPublicKey ? ec_method : NULL;
    return *method != NULL;
}

static int bind(ENGINE *e, const char *id)
{
    (void)id;
    rsa_method = wrap(EVP_PKEY_RSA, &rsa_sign, sign_rsa);
    ec_method = wrap(EVP_PKEY_EC, &ec_sign, sign_ec);
    return rsa_method != NULL && ec_method != NULL && ENGINE_set_id(e, key)
           && ENGINE_set_name(e, "signs in a thread, for the tests of libasync") && ENGINE_set_pkey_meths(e, methods);
}

IMPLEMENT_DYNAMIC_CHECK_FN()
IMPLEMENT_DYNAMIC_BIND_FN(bind)
