/* SPDX-License-Identifier: Apache-2.0 */
/* A configuration's classes and domains put in force, when a store is opened and while it serves.
 * Runs on: the thread that opens; later the writer. Holds: nothing. Invariant: the store has
 * registered all of it durably before any of it counts; what is refused changes nothing but for a
 * key of a new domain that nothing needs. Not here: what is compared (registry.c). */
#include "vault/rules_priv.h"
#include "vault/writer_priv.h"

static enum err match(struct registry *r, const struct configuration *c, struct errmsg *msg)
{
    enum err e = store_begin(r->store);

    if (e != ERR_OK)
        return e;
    e = registry_match_domains(r, c->domains, msg);
    if (e == ERR_OK)
        e = registry_match_classes(r, c->classes, msg);
    if (e == ERR_OK)
        e = vault__rules_register(r, c->digest);
    if (e == ERR_OK)
        return store_commit(r->store);
    store_rollback(r->store);
    return e;
}

enum err vault__configure(struct vault *v, struct store *s, bool live,
                          const struct configuration *c, struct errmsg *msg)
{
    AUTO(registry_free) struct registry *r = registry_new(v, s, live);
    enum err e = match(r, c, msg);

    if (e != ERR_OK && e != ERR_CONFIG)
        return errmsg_set(msg, e, "%s/" VAULT_DB ": classes and domains cannot be registered: %s",
                          v->dir, err_text(e));
    if (e != ERR_OK)
        return e;
    registry_publish(r, c->classes);
    return vault__domains_load(v, true, msg);
}
