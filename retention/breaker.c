/* SPDX-License-Identifier: Apache-2.0 */
/* The circuit breaker's rule.
 * Runs on: any thread. Holds: nothing. Invariant: what is due as foreseen never trips it, however much
 * that is. Not here: what is foreseen (vault/purges.c), what follows (sweeper.c). */
#include "retention/breaker.h"

enum { AT_LEAST_MAX = 1000000000, FACTOR_MAX = 1000000 };

enum err breaker_read(struct conf_node node, struct breaker *ret, struct errmsg *msg)
{
    static const char *const known[] = {"at_least", "factor", "percent", NULL};
    enum err e;

    if (!conf_has(node))
        return ERR_OK;
    e = conf_only(node, known, msg);
    if (e == ERR_OK)
        e = conf_int(conf_get(node, "at_least"), 1, AT_LEAST_MAX, &ret->at_least, msg);
    if (e == ERR_OK)
        e = conf_int(conf_get(node, "factor"), 2, FACTOR_MAX, &ret->factor, msg);
    if (e == ERR_OK)
        e = conf_int(conf_get(node, "percent"), 1, 100, &ret->percent, msg);
    return e;
}

bool breaker_trips(const struct breaker *b, const struct vault_purge_outlook *o)
{
    const uint64_t unforeseen = o->due > o->forecast ? o->due - o->forecast : 0;

    if (!o->is_known || unforeseen < (uint64_t)b->at_least)
        return false;
    return o->due > o->forecast * (uint64_t)b->factor ||
           unforeseen * 100 >= o->items * (uint64_t)b->percent;
}
