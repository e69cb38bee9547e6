/*
 * <openssl/async.h> of asynccrypto: jobs that pause, and the sessions that tell their caller when to go on.
 *
 * The names, types and numbers are those of OpenSSL 3, so that a program compiled with either header links with either
 * library. It needs no other header of OpenSSL's, and so also serves beside a TLS library that has no such facility.
 *
 * On Windows a wait fd is a HANDLE. That type comes from <windows.h>, which the application includes first, when and
 * how it likes; without it the functions of wait contexts are left out.
 */
#ifndef OPENSSL_ASYNC_H
#define OPENSSL_ASYNC_H

#include <stdlib.h> /* size_t; and what else programs have come to get from OpenSSL's */

#ifdef _WIN32
# if defined(_WINDEF_) || defined(_WINDEF_H) || defined(BASETYPES)
#  define OSSL_ASYNC_FD HANDLE
#  define OSSL_BAD_ASYNC_FD INVALID_HANDLE_VALUE
# endif
#else
# define OSSL_ASYNC_FD int
# define OSSL_BAD_ASYNC_FD (-1)
#endif

/* What ASYNC_start_job returns. */
#define ASYNC_ERR     0 /* it could not be done */
#define ASYNC_NO_JOBS 1 /* the thread's pool is at its limit */
#define ASYNC_PAUSE   2 /* the job waits to be started again */
#define ASYNC_FINISH  3 /* the function has returned */

/* What an engine leaves in a wait context. */
#define ASYNC_STATUS_UNSUPPORTED 0 /* no engine that calls back has run; the default */
#define ASYNC_STATUS_ERR         1 /* the engine is broken: give the session up */
#define ASYNC_STATUS_OK          2 /* submitted, the callback follows */
#define ASYNC_STATUS_EAGAIN      3 /* the engine was full: start the job again later */

/* Reasons on libcrypto's error queue, for library 51 (ERR_LIB_ASYNC). */
#define ASYNC_R_FAILED_TO_SET_POOL     101
#define ASYNC_R_FAILED_TO_SWAP_CONTEXT 102
#define ASYNC_R_INVALID_POOL_SIZE      103
#define ASYNC_R_INIT_FAILED            105

#ifdef __cplusplus
extern "C" {
#endif

typedef struct async_job_st ASYNC_JOB;
typedef struct async_wait_ctx_st ASYNC_WAIT_CTX;

/* Run by an engine when an operation is done: it must be short and must not block. */
typedef int (*ASYNC_callback_fn)(void *arg);

/* Make and free one job's stack; *size is what is wanted, and becomes what there is. */
typedef void *(*ASYNC_stack_alloc_fn)(size_t *size);
typedef void (*ASYNC_stack_free_fn)(void *stack);

/* A thread's pool of jobs: man 3async ASYNC_init_thread */
int ASYNC_is_capable(void);
int ASYNC_init_thread(size_t max_size, size_t init_size);
void ASYNC_cleanup_thread(void);
int ASYNC_set_mem_functions(ASYNC_stack_alloc_fn alloc_fn, ASYNC_stack_free_fn free_fn);
void ASYNC_get_mem_functions(ASYNC_stack_alloc_fn *alloc_fn, ASYNC_stack_free_fn *free_fn);

/* Jobs: man 3async ASYNC_start_job */
int ASYNC_start_job(ASYNC_JOB **job, ASYNC_WAIT_CTX *ctx, int *ret, int (*func)(void *), void *args, size_t size);
int ASYNC_pause_job(void);
ASYNC_JOB *ASYNC_get_current_job(void);
ASYNC_WAIT_CTX *ASYNC_get_wait_ctx(ASYNC_JOB *job);
void ASYNC_block_pause(void);
void ASYNC_unblock_pause(void);

#ifdef OSSL_ASYNC_FD
/* Sessions: man 3async ASYNC_WAIT_CTX_new */
ASYNC_WAIT_CTX *ASYNC_WAIT_CTX_new(void);
void ASYNC_WAIT_CTX_free(ASYNC_WAIT_CTX *ctx);

/* Wait fds: man 3async ASYNC_WAIT_CTX_set_wait_fd */
int ASYNC_WAIT_CTX_set_wait_fd(ASYNC_WAIT_CTX *ctx, const void *key, OSSL_ASYNC_FD fd, void *custom_data,
                               void (*cleanup)(ASYNC_WAIT_CTX *, const void *, OSSL_ASYNC_FD, void *));
int ASYNC_WAIT_CTX_get_fd(ASYNC_WAIT_CTX *ctx, const void *key, OSSL_ASYNC_FD *fd, void **custom_data);
int ASYNC_WAIT_CTX_get_all_fds(ASYNC_WAIT_CTX *ctx, OSSL_ASYNC_FD *fd, size_t *numfds);
int ASYNC_WAIT_CTX_get_changed_fds(ASYNC_WAIT_CTX *ctx, OSSL_ASYNC_FD *addfd, size_t *numaddfds,
                                   OSSL_ASYNC_FD *delfd, size_t *numdelfds);
int ASYNC_WAIT_CTX_clear_fd(ASYNC_WAIT_CTX *ctx, const void *key);

/* Callback and status: man 3async ASYNC_WAIT_CTX_set_callback */
int ASYNC_WAIT_CTX_set_callback(ASYNC_WAIT_CTX *ctx, ASYNC_callback_fn callback, void *callback_arg);
int ASYNC_WAIT_CTX_get_callback(ASYNC_WAIT_CTX *ctx, ASYNC_callback_fn *callback, void **callback_arg);
int ASYNC_WAIT_CTX_set_status(ASYNC_WAIT_CTX *ctx, int status);
int ASYNC_WAIT_CTX_get_status(ASYNC_WAIT_CTX *ctx);
#endif

#ifdef __cplusplus
}
#endif

#endif
