#include "message.h"

#include "client.h"

#include <stdlib.h>
#include <string.h>

static bool out_of_memory(const struct provider *p)
{
    RAISE(p, REASON_MEMORY, "no memory for a message to sign");
    return false;
}

static void forget_whole(struct message *m)
{
    if (m->whole != NULL)
        explicit_bzero(m->whole, m->size);
    free(m->whole);
    m->whole = NULL;
    m->size = 0;
}

/* Hashes the message from here on, and first the part that has been gathered. */
static bool hash_from_here(struct message *m, const struct provider *p, const struct digest *d)
{
    const struct libcrypto *l = &p->libcrypto;
    EVP_MD *md = l->EVP_MD_fetch(p->libctx, d->names[0], NULL);
    bool ok;

    if (md == NULL) {
        RAISE(p, REASON_DIGEST, "no provider that is loaded has the digest %s", d->names[0]);
        return false;
    }
    if ((m->hash = l->EVP_MD_CTX_new()) == NULL) {
        l->EVP_MD_free(md);
        return out_of_memory(p);
    }
    ok = l->EVP_DigestInit_ex2(m->hash, md, NULL) && l->EVP_DigestUpdate(m->hash, m->whole, m->size);
    l->EVP_MD_free(md);
    forget_whole(m);
    return ok; /* else libcrypto has raised the error */
}

static bool fits(const struct message *m, const struct digest *d, size_t size)
{
    return m->hash == NULL && !d->local && size <= MESSAGE_WHOLE - m->size;
}

bool message_add(struct message *m, const struct provider *p, const struct digest *d, const uint8_t *data,
                 size_t size)
{
    if (size == 0)
        return true;
    if (fits(m, d, size)) {
        if (m->whole == NULL && (m->whole = malloc(MESSAGE_WHOLE)) == NULL)
            return out_of_memory(p);
        memcpy(m->whole + m->size, data, size);
        m->size += size;
        return true;
    }
    if (m->hash == NULL && !hash_from_here(m, p, d))
        return false;
    return p->libcrypto.EVP_DigestUpdate(m->hash, data, size) == 1;
}

bool message_end(struct message *m, const struct provider *p, const struct digest *d, const uint8_t *data,
                 size_t size, uint8_t digest[DIGEST_MAX_SIZE], struct request *r)
{
    unsigned int n;

    if (m->size == 0 && fits(m, d, size)) { /* there is nothing to put it behind: no copy */
        r->data = data;
        r->size = size;
        r->message = true;
        return true;
    }
    if (!message_add(m, p, d, data, size))
        return false;
    if (fits(m, d, 0)) {
        r->data = m->whole;
        r->size = m->size;
        r->message = true;
        return true;
    }
    if (m->hash == NULL && !hash_from_here(m, p, d)) /* an empty message */
        return false;
    if (!p->libcrypto.EVP_DigestFinal_ex(m->hash, digest, &n))
        return false;
    r->data = digest;
    r->size = n;
    return true;
}

bool message_copy(struct message *to, const struct message *from, const struct provider *p)
{
    *to = (struct message){ .size = from->size };
    if (from->whole != NULL) {
        if ((to->whole = malloc(MESSAGE_WHOLE)) == NULL)
            return out_of_memory(p);
        memcpy(to->whole, from->whole, from->size);
    }
    if (from->hash == NULL)
        return true;
    if ((to->hash = p->libcrypto.EVP_MD_CTX_new()) == NULL)
        return out_of_memory(p);
    return p->libcrypto.EVP_MD_CTX_copy_ex(to->hash, from->hash) == 1;
}

void message_clear(struct message *m, const struct provider *p)
{
    forget_whole(m);
    p->libcrypto.EVP_MD_CTX_free(m->hash);
    m->hash = NULL;
}
