/* The errors of key servers that did not do as asked. */
#ifndef AP_REFUSAL_H
#define AP_REFUSAL_H

#include "client.h"
#include "provider.h"

/*
 * Raises the error of an answer whose status is not ASK_OK. key is the name or the number by which
 * the key server was asked for a key.
 */
void refusal_raise(const struct provider *p, const struct answer *a, const char *key);

#endif
