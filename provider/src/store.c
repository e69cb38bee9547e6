/*
 * Keys by name for libcrypto: the URI asynccrypto:NAME names a key on the key server, which tells
 * its public part.
 */
#include "client.h"
#include "object.h"
#include "params.h"
#include "provider.h"
#include "refusal.h"

#include <openssl/core_names.h>
#include <openssl/store.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct store {
    const struct provider *provider;
    bool loaded; /* it has one key to load */
    char name[FRAME_MAX_NAME + 1];
};

static const char scheme[] = "asynccrypto:";

static void *store_open(void *provider, const char *uri)
{
    const struct provider *p = provider;
    size_t n = sizeof scheme - 1;
    struct store *s;

    if (strncasecmp(uri, scheme, n) != 0)
        return NULL;
    if (!core_usable(p))
        return NULL;
    uri += n;
    n = strlen(uri);
    if (n == 0 || n > FRAME_MAX_NAME) {
        RAISE(p, REASON_NAME, "the name after %s has %zu bytes, and must have 1 to %d", scheme, n, FRAME_MAX_NAME);
        return NULL;
    }
    if ((s = calloc(1, sizeof *s)) == NULL) {
        RAISE(p, REASON_MEMORY, "no memory to look up a key");
        return NULL;
    }
    s->provider = p;
    memcpy(s->name, uri, n);
    return s;
}

static const OSSL_PARAM *store_settable(void *provider)
{
    static const OSSL_PARAM params[] = { OSSL_PARAM_int(OSSL_STORE_PARAM_EXPECT, NULL), OSSL_PARAM_END };

    (void)provider;
    return params;
}

/* A program that expects something else than keys, such as certificates, is told of none. */
static int store_set(void *store, const OSSL_PARAM params[])
{
    struct store *s = store;
    const OSSL_PARAM *p = param_find(params, OSSL_STORE_PARAM_EXPECT);
    int expected = 0;

    if (p != NULL && !param_get_int(p, &expected))
        return 0;
    s->loaded = expected != 0 && expected != OSSL_STORE_INFO_PKEY && expected != OSSL_STORE_INFO_PUBKEY;
    return 1;
}

/* Asks the key server for the key. Raises an error and returns NULL if it has none of that name. */
static struct key *look_up(const struct store *s)
{
    const struct provider *p = s->provider;
    const struct request r = { .op = OP_LIST, .name = s->name };
    struct answer *a = malloc(sizeof *a); /* the stack may be a job's */
    struct bytes data;
    struct listed_key listed;
    struct key *k = NULL;

    if (a == NULL) {
        RAISE(p, REASON_MEMORY, "no memory to look up a key");
        return NULL;
    }
    ask(p, &r, a);
    if (a->status != ASK_OK) {
        refusal_raise(p, a, s->name);
    } else {
        data = (struct bytes){ a->data, a->size };
        if (frame_take_key(&data, &listed))
            k = key_from_spki(p, listed.spki);
        else
            RAISE(p, REASON_UNKNOWN_KEY, "key server at %s has no key named %s that this user may use",
                  server_path(p->server), s->name);
        free(a->data);
    }
    free(a);
    return k;
}

static int store_load(void *store, OSSL_CALLBACK *callback, void *argument, OSSL_PASSPHRASE_CALLBACK *passphrase,
                      void *passphrase_argument)
{
    struct store *s = store;
    struct key *k;

    (void)passphrase, (void)passphrase_argument;
    if (s->loaded)
        return 0;
    s->loaded = true;
    k = look_up(s);
    return k != NULL && object_give(k, callback, argument);
}

static int store_eof(void *store)
{
    return ((struct store *)store)->loaded;
}

static int store_close(void *store)
{
    free(store);
    return 1;
}

static const OSSL_DISPATCH functions[] = {
    { OSSL_FUNC_STORE_OPEN, FUNCTION(store_open) },
    { OSSL_FUNC_STORE_SETTABLE_CTX_PARAMS, FUNCTION(store_settable) },
    { OSSL_FUNC_STORE_SET_CTX_PARAMS, FUNCTION(store_set) },
    { OSSL_FUNC_STORE_LOAD, FUNCTION(store_load) },
    { OSSL_FUNC_STORE_EOF, FUNCTION(store_eof) },
    { OSSL_FUNC_STORE_CLOSE, FUNCTION(store_close) },
    { 0, NULL },
};

const OSSL_ALGORITHM store_algorithms[] = {
    { "asynccrypto", PROPERTIES, functions, "Keys on a key server, by name" },
    { NULL, NULL, NULL, NULL },
};
