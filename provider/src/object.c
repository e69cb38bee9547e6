#include "object.h"
#include "params.h"

#include <openssl/core_names.h>
#include <openssl/core_object.h>
#include <string.h>

int object_give(struct key *k, OSSL_CALLBACK *callback, void *argument)
{
    int type = OSSL_OBJECT_PKEY, ok;
    const char *name = key_type(k);
    OSSL_PARAM params[] = {
        OSSL_PARAM_int(OSSL_OBJECT_PARAM_TYPE, &type),
        OSSL_PARAM_utf8_string(OSSL_OBJECT_PARAM_DATA_TYPE, (char *)name, strlen(name)),
        OSSL_PARAM_octet_string(OSSL_OBJECT_PARAM_REFERENCE, &k, sizeof k),
        OSSL_PARAM_END,
    };

    ok = callback(params, argument);
    key_release(k); /* NULL if it was taken over */
    return ok;
}
