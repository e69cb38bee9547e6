#include "refusal.h"

static enum reason reason_of(enum ask status)
{
    switch (status) {
    case ASK_NO_KEY: return REASON_UNKNOWN_KEY;
    case ASK_DENIED: return REASON_NOT_ALLOWED;
    case ASK_BAD: return REASON_REFUSED;
    case ASK_EXPIRED:
    case ASK_NO_SERVER: return REASON_NO_SERVER;
    case ASK_MEMORY: return REASON_MEMORY;
    default: return REASON_SERVER_FAILED;
    }
}

void refusal_raise(const struct provider *p, const struct answer *a, const char *key)
{
    if (a->status >= ASK_NO_SERVER || a->status == ASK_EXPIRED) /* a sentence, which names the server */
        RAISE(p, reason_of(a->status), "%s", a->text);
    else
        RAISE(p, reason_of(a->status), "key server at %s, key %s: %s", server_path(p->server), key, a->text);
}
