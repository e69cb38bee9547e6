#include "signature.h"

#include "refusal.h"

#include <openssl/core_names.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *signature_new(const struct provider *provider, const struct scheme *scheme)
{
    struct signature *s = calloc(1, sizeof *s);

    if (s == NULL) {
        RAISE(provider, REASON_MEMORY, "no memory to sign");
        return NULL;
    }
    s->provider = provider;
    s->scheme = scheme;
    return s;
}

void signature_free(void *ctx)
{
    struct signature *s = ctx;

    if (s == NULL)
        return;
    message_clear(&s->message, s->provider);
    key_release(s->key);
    free(s);
}

void *signature_dup(void *ctx)
{
    const struct signature *from = ctx;
    struct signature *s = signature_new(from->provider, from->scheme);

    if (s == NULL)
        return NULL;
    *s = *from;
    if (s->key != NULL)
        key_hold(s->key);
    if (message_copy(&s->message, &from->message, s->provider))
        return s;
    signature_free(s);
    return NULL;
}

/* Takes a key, or keeps the one it has if key is NULL, and forgets everything else. */
static bool begin(struct signature *s, struct key *key)
{
    message_clear(&s->message, s->provider);
    *s = (struct signature){ .provider = s->provider, .scheme = s->scheme, .key = s->key,
                             .salt = RSA_PSS_SALTLEN_AUTO_DIGEST_MAX };
    if (key != NULL && (key->kind == KEY_EMPTY || strcmp(key_type(key), s->scheme->key_type) != 0)) {
        RAISE(s->provider, REASON_KEY_KIND, "a key of the type %s is needed", s->scheme->key_type);
        return false;
    }
    if (key != NULL) {
        key_hold(key);
        key_release(s->key);
        s->key = key;
    }
    if (s->key == NULL)
        RAISE(s->provider, REASON_ORDER, "there is no key to sign with");
    return s->key != NULL;
}

static const struct digest *find_digest(const struct signature *s, const char *name)
{
    const struct digest *d = digest_named(name);

    if (d == NULL)
        RAISE(s->provider, REASON_DIGEST, "key servers have no digest \"%s\"", name);
    return d;
}

bool signature_take_digest(const struct signature *s, const OSSL_PARAM params[], const char *name,
                           const struct digest **d)
{
    const OSSL_PARAM *p = param_find(params, name);
    const struct digest *found;
    char text[64];

    if (p == NULL)
        return true;
    if (!param_get_text(p, text, sizeof text)) {
        RAISE(s->provider, REASON_PARAMETER, "%s is not the name of a digest", name);
        return false;
    }
    if ((found = find_digest(s, text)) != NULL)
        *d = found;
    return found != NULL;
}

static const char *digest_name(const struct digest *d) { return d == NULL ? "none" : d->names[0]; }

bool signature_give_digest(OSSL_PARAM params[], const char *name, const struct digest *d)
{
    return param_set_text(params, name, d == NULL ? "" : d->names[0]);
}

int signature_set_params(void *ctx, const OSSL_PARAM params[])
{
    struct signature *s = ctx;
    const struct digest *d = s->digest;

    if (!signature_take_digest(s, params, OSSL_SIGNATURE_PARAM_DIGEST, &d))
        return 0;
    if (d != s->digest && s->state == SIGNATURE_OF_MESSAGE) {
        RAISE(s->provider, REASON_DIGEST, "the digest can't change while a message is signed");
        return 0;
    }
    s->digest = d;
    return s->scheme->set(s, params);
}

static bool give_identifier(const struct signature *s, OSSL_PARAM params[])
{
    struct algorithm a = { .start = sizeof a.buffer };

    if (param_find(params, OSSL_SIGNATURE_PARAM_ALGORITHM_ID) == NULL)
        return true;
    if (!s->scheme->identify(s, &a))
        return false;
    if (a.start == sizeof a.buffer) {
        RAISE(s->provider, REASON_DIGEST, "no standard has an identifier for signatures of %s with the digest %s",
              s->scheme->key_type, digest_name(s->digest));
        return false;
    }
    return param_set_octets(params, OSSL_SIGNATURE_PARAM_ALGORITHM_ID, a.buffer + a.start,
                            sizeof a.buffer - a.start);
}

int signature_get_params(void *ctx, OSSL_PARAM params[])
{
    const struct signature *s = ctx;

    return give_identifier(s, params) && signature_give_digest(params, OSSL_SIGNATURE_PARAM_DIGEST, s->digest)
           && s->scheme->get(s, params);
}

int signature_sign_init(void *ctx, void *key, const OSSL_PARAM params[])
{
    struct signature *s = ctx;

    if (!begin(s, key) || !signature_set_params(s, params))
        return 0;
    s->state = SIGNATURE_OF_INPUT;
    return 1;
}

int signature_digest_sign_init(void *ctx, const char *digest, void *key, const OSSL_PARAM params[])
{
    struct signature *s = ctx;
    const struct digest *before = s->digest; /* libssl inits twice; without a name the digest stays */

    if (!begin(s, key))
        return 0;
    if (digest != NULL && digest[0] != '\0')
        s->digest = find_digest(s, digest);
    else
        s->digest = before != NULL ? before : digest_named("SHA256");
    if (s->digest == NULL)
        return 0;
    s->state = SIGNATURE_OF_MESSAGE; /* so that the parameters don't change the digest */
    if (!signature_set_params(s, params)) {
        s->state = SIGNATURE_NOT_READY;
        return 0;
    }
    return 1;
}

/* OpenSSL may call a function of a context whose init has failed, or whose message was signed. */
static bool check_state(const struct signature *s, enum signature_state needed)
{
    if (s->state != needed)
        RAISE(s->provider, REASON_ORDER, "the context was not initialised for this, or that failed, or it has signed its message");
    return s->state == needed;
}

int signature_digest_sign_update(void *ctx, const unsigned char *data, size_t n)
{
    struct signature *s = ctx;

    return check_state(s, SIGNATURE_OF_MESSAGE) && message_add(&s->message, s->provider, s->digest, data, n);
}

/* Answers a caller that wants to know the size, or has no room for it: *result is then the answer. */
static bool wants_signature(const struct signature *s, const void *out, size_t *size, size_t room, int *result)
{
    size_t most = s->key->max_signature;

    *result = 0;
    if (out == NULL) {
        *size = most;
        *result = 1;
        return false;
    }
    if (room < most)
        RAISE(s->provider, REASON_BUFFER, "a signature has up to %zu bytes, and the buffer %zu", most, room);
    return room >= most;
}

static bool take_answer(const struct signature *s, const struct answer *a, unsigned char *out, size_t *size)
{
    const struct provider *p = s->provider;
    size_t most = s->key->max_signature;
    char id[KEY_ID_TEXT];

    if (a->status != ASK_OK) {
        refusal_raise(p, a, key_print_id(s->key, id));
        return false;
    }
    if (a->size > most || (a->size < most && s->scheme->exact) || a->size == 0) {
        RAISE(p, REASON_SERVER_FAILED, "key server at %s sent a signature of %zu bytes, and the key's have %zu",
              server_path(p->server), a->size, most);
        return false;
    }
    memcpy(out, a->data, a->size);
    *size = a->size;
    return true;
}

static bool ask_signature(const struct signature *s, struct request *r, unsigned char *out, size_t *size)
{
    struct answer a;
    char id[KEY_ID_TEXT];
    bool ok;

    r->op = OP_SIGN;
    r->key = s->key->id;
    if (!s->scheme->complete(s, r))
        return false;
    if (r->size > FRAME_MAX_DATA) {
        RAISE(s->provider, REASON_TOO_LONG, "%zu bytes to sign without a digest; key servers take %d", r->size,
              FRAME_MAX_DATA);
        return false;
    }
    ask(s->provider, r, &a);
    DEBUG("sign by key %.8s: %s, digest %s, padding %d, salt %d, %s of %zu bytes: status %d", key_print_id(s->key, id),
          s->scheme->key_type, digest_name(s->digest), r->padding, r->salt, r->message ? "message" : "digest", r->size, a.status);
    ok = take_answer(s, &a, out, size);
    free(a.data);
    return ok;
}

/* The input is a digest, a text that PKCS #1 pads as it is, or the message of Ed25519. */
int signature_sign(void *ctx, unsigned char *out, size_t *size, size_t room, const unsigned char *data,
                   size_t n)
{
    const struct signature *s = ctx;
    struct request r = { .data = data, .size = n };
    int result;

    if (!check_state(s, SIGNATURE_OF_INPUT))
        return 0;
    if (!wants_signature(s, out, size, room, &result))
        return result;
    if (s->digest != NULL && n != s->digest->size) {
        RAISE(s->provider, REASON_DIGEST_SIZE, "%zu bytes, and %s has %d", n, s->digest->names[0],
              s->digest->size);
        return 0;
    }
    return ask_signature(s, &r, out, size);
}

/* The message consists of all that the caller has appended so far, and of data. */
int signature_digest_sign(void *ctx, unsigned char *out, size_t *size, size_t room, const unsigned char *data,
                          size_t n)
{
    struct signature *s = ctx;
    struct request r = { 0 };
    uint8_t digest[DIGEST_MAX_SIZE];
    int result;

    if (!check_state(s, SIGNATURE_OF_MESSAGE))
        return 0;
    if (!wants_signature(s, out, size, room, &result))
        return result;
    s->state = SIGNATURE_NOT_READY; /* nothing can be appended to a hash that is finished */
    return message_end(&s->message, s->provider, s->digest, data, n, digest, &r)
           && ask_signature(s, &r, out, size);
}

int signature_digest_sign_final(void *ctx, unsigned char *out, size_t *size, size_t room)
{
    return signature_digest_sign(ctx, out, size, room, NULL, 0);
}

const OSSL_ALGORITHM signature_algorithms[] = {
    { "RSA:rsaEncryption:1.2.840.113549.1.1.1", PROPERTIES, signature_rsa, "RSA signatures by a key server" },
    { "ECDSA", PROPERTIES, signature_ecdsa, "ECDSA signatures by a key server" },
    { "ED25519:1.3.101.112", PROPERTIES, signature_ed25519, "Ed25519 signatures by a key server" },
    { NULL, NULL, NULL, NULL },
};
