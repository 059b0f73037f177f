/* SPDX-License-Identifier: Apache-2.0 */
/* What a store has registered: data classes with their tables, domains with their index keys.
 * Runs on: the thread that opens the vault; domains are added by the writer and read by any thread.
 * Holds: index keys in guarded memory. Invariant: a class that has rows never changes what its rows
 * mean, and never goes missing from the configuration, since nothing would destroy its rows in
 * time. */
#include "vault/vault_priv.h"

#include <stdio.h>

#include "base/secret.h"

/* ---- classes ---- */

static void write_period(const struct period *p, char out[STORE_PERIOD_TEXT_MAX])
{
    (void)snprintf(out, STORE_PERIOD_TEXT_MAX, "P%ldMT%lldS", (long)p->months,
                   (long long)p->seconds);
}

static struct store_class *find_class(struct vault *v, const char *name)
{
    for (size_t id = 1; id <= CLASSES_MAX; id++)
        if (v->table[id].id != 0 && strcmp(v->table[id].name, name) == 0)
            return &v->table[id];
    return NULL;
}

static enum err add_class(struct vault *v, struct store *s, const struct class_def *def,
                          struct store_class **ret, struct errmsg *msg)
{
    struct store_class *c = NULL;

    for (size_t id = CLASSES_MAX; id >= 1; id--)
        if (v->table[id].id == 0)
            c = &v->table[id];
    if (c == NULL)
        return errmsg_set(msg, ERR_CONFIG, "class %s: the store holds %d classes already",
                          def->name, CLASSES_MAX);
    *c = (struct store_class){
        .id = (uint16_t)(c - v->table),
        .domain = VAULT_DOMAIN_DEFAULT,
        .format = def->format,
        .deterministic = def->deterministic,
        .ordered = true,
    };
    (void)snprintf(c->name, sizeof(c->name), "%s", def->name);
    write_period(&def->retain, c->period);
    *ret = c;
    return store_class_add(s, c);
}

/* A class that changed what its tokens look like or mean: only while it is empty. */
static enum err replace_class(struct vault *v, struct store *s, const struct class_def *def,
                              struct store_class **c, struct errmsg *msg)
{
    bool empty = false;
    enum err e = store_class_is_empty(s, *c, &empty);

    if (e != ERR_OK)
        return e;
    if (!empty)
        return errmsg_set(
            msg, ERR_CONFIG,
            "class %s: the store holds values with another `%s`; give the class a new "
            "name, or set it back",
            def->name, (*c)->deterministic != def->deterministic ? "deterministic" : "format");
    e = store_class_drop(s, *c);
    if (e != ERR_OK)
        return e;
    (*c)->id = 0;
    return add_class(v, s, def, c, msg);
}

static enum err new_period(struct store *s, struct store_class *c, const char *period)
{
    enum err e = store_class_set_period(s, c->id, period);

    if (e == ERR_OK && c->ordered)
        e = store_class_disorder(s, c);
    if (e != ERR_OK)
        return e;
    c->ordered = false;
    (void)snprintf(c->period, sizeof(c->period), "%s", period);
    return ERR_OK;
}

static enum err register_class(struct vault *v, struct store *s, const struct class_def *def,
                               struct errmsg *msg)
{
    struct store_class *c = find_class(v, def->name);
    char period[STORE_PERIOD_TEXT_MAX];
    enum err e = ERR_OK;

    if (c == NULL)
        e = add_class(v, s, def, &c, msg);
    else if (c->format != def->format || c->deterministic != def->deterministic)
        e = replace_class(v, s, def, &c, msg);
    if (e != ERR_OK)
        return e;
    write_period(&def->retain, period);
    if (strcmp(period, c->period) != 0)
        e = new_period(s, c, period);
    v->defs[c->id] = def;
    return e;
}

/* A class that is in the store only: gone from the configuration. */
static enum err check_left_over(struct store *s, const struct store_class *c, struct errmsg *msg)
{
    bool empty = false;
    enum err e = store_class_is_empty(s, c, &empty);

    if (e != ERR_OK || empty)
        return e;
    return errmsg_set(msg, ERR_CONFIG,
                      "class %s: the store still holds values of it; keep it in the configuration "
                      "until they are gone",
                      c->name);
}

static enum err register_all(struct vault *v, struct store *s, const struct classes *classes,
                             struct errmsg *msg)
{
    enum err e = store_classes_read(s, v->table);

    for (size_t i = 0; e == ERR_OK && i < classes->count; i++)
        e = register_class(v, s, &classes->defs[i], msg);
    for (size_t id = 1; e == ERR_OK && id <= CLASSES_MAX; id++)
        if (v->table[id].id != 0 && v->defs[id] == NULL)
            e = check_left_over(s, &v->table[id], msg);
    return e;
}

enum err vault__classes_register(struct vault *v, struct store *s, const struct classes *classes,
                                 struct errmsg *msg)
{
    enum err e = store_begin(s);

    if (e == ERR_OK) {
        e = register_all(v, s, classes, msg);
        if (e == ERR_OK)
            e = store_commit(s);
        else
            store_rollback(s);
    }
    if (e == ERR_OK || e == ERR_CONFIG)
        return e;
    return errmsg_set(msg, e, "%s/" VAULT_DB ": the classes cannot be registered: %s", v->dir,
                      err_text(e));
}

uint16_t vault_class_id(const struct vault *v, const struct class_def *def)
{
    for (size_t id = 1; id <= CLASSES_MAX; id++)
        if (v->defs[id] != NULL &&
            (v->defs[id] == def || strcmp(v->defs[id]->name, def->name) == 0))
            return (uint16_t)id;
    return 0;
}

const struct class_def *vault_class_def(const struct vault *v, uint16_t class_id)
{
    return class_id <= CLASSES_MAX ? v->defs[class_id] : NULL;
}

/* ---- domains ---- */

static void publish(struct vault *v, uint16_t domain, const uint8_t key[CRYPTO_KEY_BYTES])
{
    struct domain_key *d = mem_alloc(sizeof(*d));

    d->domain = domain;
    d->key = secret_alloc(CRYPTO_KEY_BYTES);
    memcpy(d->key, key, CRYPTO_KEY_BYTES);
    d->next = atomic_load(&v->domains);
    atomic_store(&v->domains, d); /* one thread adds, any reads */
}

const uint8_t *vault__domain_key(const struct vault *v, uint16_t domain)
{
    for (const struct domain_key *d = atomic_load(&v->domains); d != NULL; d = d->next)
        if (d->domain == domain)
            return d->key;
    return NULL;
}

void vault__domains_free(struct vault *v)
{
    struct domain_key *d = atomic_exchange(&v->domains, NULL);

    while (d != NULL) {
        struct domain_key *next = d->next;

        secret_free(&d->key);
        free(d);
        d = next;
    }
}

static enum err load_domain(struct vault *v, uint16_t domain, uint64_t slot)
{
    struct slab_key found;
    enum err e = slab_read(v->slab, slot, &found);

    if (e == ERR_OK && (found.kind != SLAB_INDEX || found.owner != domain))
        e = ERR_CORRUPT;
    if (e == ERR_OK)
        publish(v, domain, found.key);
    secret_wipe(&found, sizeof(found));
    return e;
}

enum err vault__domains_load(struct vault *v, struct store *s, struct errmsg *msg)
{
    uint16_t domain = 0;
    uint64_t slot = 0;
    enum err e = store_domain_next(s, 0, &domain, &slot);

    while (e == ERR_OK) {
        e = load_domain(v, domain, slot);
        if (e != ERR_OK)
            return errmsg_set(msg, e == ERR_NOT_FOUND ? ERR_CORRUPT : e,
                              "%s/" VAULT_SLAB ": the index key of domain %u cannot be read",
                              v->dir, domain);
        if (domain == UINT16_MAX)
            return ERR_OK;
        e = store_domain_next(s, (uint16_t)(domain + 1), &domain, &slot);
    }
    if (e != ERR_NOT_FOUND)
        return errmsg_set(msg, e, "%s/" VAULT_DB ": the domains cannot be read", v->dir);
    return ERR_OK;
}

enum err vault__domain_ensure(struct vault *v, struct store *s, uint16_t domain)
{
    struct slab_key key = {.kind = SLAB_INDEX, .owner = domain};
    uint64_t slot = 0;
    enum err e;

    if (vault__domain_key(v, domain) != NULL)
        return ERR_OK;
    secret_random(key.key, sizeof(key.key));
    e = slab_add(v->slab, &key, &slot);
    if (e == ERR_OK)
        e = slab_sync(v->slab);
    if (e == ERR_OK)
        e = store_begin(s);
    if (e == ERR_OK) {
        e = store_domain_add(s, domain, slot);
        if (e == ERR_OK)
            e = store_commit(s);
        else
            store_rollback(s);
    }
    if (e == ERR_OK)
        publish(v, domain, key.key);
    secret_wipe(&key, sizeof(key));
    return e;
}
