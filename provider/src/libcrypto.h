/*
 * Functions of the libcrypto that has loaded the provider. They are looked up in the process, and
 * not linked: one provider serves OpenSSL 3.0 to 4.x, whether it is a library of its own or part
 * of the program, as in Node. Call them as p->libcrypto.EVP_MD_fetch(...).
 */
#ifndef AP_LIBCRYPTO_H
#define AP_LIBCRYPTO_H

#include <openssl/async.h>
#include <openssl/decoder.h>
#include <openssl/evp.h>

/* Found beside the core's functions. */
#define LIBCRYPTO_OWN(F) \
    F(EVP_Digest) \
    F(EVP_DigestFinal_ex) \
    F(EVP_DigestInit_ex2) \
    F(EVP_DigestUpdate) \
    F(EVP_KEYMGMT_fetch) \
    F(EVP_KEYMGMT_free) \
    F(EVP_MD_CTX_copy_ex) \
    F(EVP_MD_CTX_free) \
    F(EVP_MD_CTX_new) \
    F(EVP_MD_fetch) \
    F(EVP_MD_free) \
    F(EVP_SIGNATURE_fetch) \
    F(EVP_SIGNATURE_free) \
    F(OSSL_DECODER_fetch) \
    F(OSSL_DECODER_free)

/*
 * Found first where the dynamic linker finds them for libssl: a library that is preloaded, such as
 * libasync, has replaced them for the whole program.
 */
#define LIBCRYPTO_ASYNC(F) \
    F(ASYNC_WAIT_CTX_clear_fd) \
    F(ASYNC_WAIT_CTX_get_callback) \
    F(ASYNC_WAIT_CTX_get_fd) \
    F(ASYNC_WAIT_CTX_set_status) \
    F(ASYNC_WAIT_CTX_set_wait_fd) \
    F(ASYNC_get_current_job) \
    F(ASYNC_get_wait_ctx) \
    F(ASYNC_pause_job)

struct libcrypto {
#define MEMBER(name) __typeof__(&name) name;
    LIBCRYPTO_OWN(MEMBER)
    LIBCRYPTO_ASYNC(MEMBER)
#undef MEMBER
};

/*
 * Fills the table; beside is one of the core's functions. Returns NULL, or the name of a function
 * that was not found. *file is the file that was searched.
 */
const char *libcrypto_find(struct libcrypto *l, void (*beside)(void), const char **file);

#endif
