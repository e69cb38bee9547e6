/*
 * <openssl/async.h> of libasync: jobs that pause, and the wait contexts that tell their caller
 * when to resume them.
 *
 * The names, types and numbers are those of OpenSSL 3 and 4, so that a program compiled with either
 * header links with either library. This header needs no other header of OpenSSL's, so it also
 * works beside a TLS library without async jobs.
 *
 * On Windows a wait fd is a HANDLE, a type of <windows.h>. An application that needs wait
 * contexts includes <windows.h> first; otherwise this header leaves them out.
 */
#ifndef OPENSSL_ASYNC_H
#define OPENSSL_ASYNC_H

#include <stdlib.h> /* size_t; and programs rely on OpenSSL's header to include it */

#ifdef _WIN32
# if defined(_WINDEF_) || defined(_WINDEF_H) || defined(BASETYPES)
#  define OSSL_ASYNC_FD HANDLE
#  define OSSL_BAD_ASYNC_FD INVALID_HANDLE_VALUE
# endif
#else
# define OSSL_ASYNC_FD int
# define OSSL_BAD_ASYNC_FD (-1)
#endif

/* Results of ASYNC_start_job. */
#define ASYNC_ERR     0 /* failed; see errno */
#define ASYNC_NO_JOBS 1 /* the thread's pool is at its limit */
#define ASYNC_PAUSE   2 /* the job has paused; call ASYNC_start_job again to resume it */
#define ASYNC_FINISH  3 /* the job's function has returned */

/* The status that an engine sets in a wait context. */
#define ASYNC_STATUS_UNSUPPORTED 0 /* the default: no engine that calls back has run */
#define ASYNC_STATUS_ERR         1 /* the engine has failed: clean up the session */
#define ASYNC_STATUS_OK          2 /* the operation is submitted; the callback follows */
#define ASYNC_STATUS_EAGAIN      3 /* the engine is busy: resume the job later */

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

/*
 * An engine calls it, on any thread, when an operation is done. It must be short and must not
 * block.
 */
typedef int (*ASYNC_callback_fn)(void *arg);

/*
 * Make and free the stack of one job. *size is the size wanted; the function stores the size that
 * it made.
 */
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
