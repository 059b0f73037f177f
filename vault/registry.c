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

/* What tokens of a class look like, as the store keeps it: options count where they decide how a token
 * reads back. */
static void write_spec(const struct class_def *def, char out[FORMAT_SPEC_TEXT_MAX])
{
    out[0] = '\0';
    if (format_is_typed(def->format))
        format_spec_text(&def->spec, out);
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
        /* Random typed tokens number the rows: not in the order in which they come. */
        .ordered = def->deterministic || !format_is_typed(def->format),
    };
    (void)snprintf(c->name, sizeof(c->name), "%s", def->name);
    write_period(&def->retain, c->period);
    write_spec(def, c->spec);
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
    if (!empty && (*c)->deterministic == def->deterministic && (*c)->format == def->format)
        return errmsg_set(msg, ERR_CONFIG,
                          "class %s: the store holds values whose tokens were made as \"%s\"; set "
                          "the options of its format back, or give the class a new name",
                          def->name, (*c)->spec);
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
    char period[STORE_PERIOD_TEXT_MAX], spec[FORMAT_SPEC_TEXT_MAX];
    enum err e = ERR_OK;

    write_spec(def, spec);
    if (c == NULL)
        e = add_class(v, s, def, &c, msg);
    else if (c->format != def->format || c->deterministic != def->deterministic ||
             strcmp(c->spec, spec) != 0)
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

static struct domain_key *find_key(const struct vault *v, uint16_t domain)
{
    struct domain_key *d = atomic_load(&v->domains);

    while (d != NULL && d->domain != domain)
        d = d->next;
    return d;
}

static void publish(struct vault *v, uint16_t domain, const uint8_t key[CRYPTO_KEY_BYTES])
{
    struct domain_key *d = find_key(v, domain);

    if (d != NULL) { /* wiped when the vault was sealed */
        memcpy(d->key, key, CRYPTO_KEY_BYTES);
        return;
    }
    d = mem_alloc(sizeof(*d));
    d->domain = domain;
    d->key = secret_alloc(CRYPTO_KEY_BYTES);
    memcpy(d->key, key, CRYPTO_KEY_BYTES);
    d->next = atomic_load(&v->domains);
    atomic_store(&v->domains, d); /* one thread adds, any reads */
}

void vault__domains_wipe(struct vault *v)
{
    for (const struct domain_key *d = atomic_load(&v->domains); d != NULL; d = d->next)
        secret_wipe(d->key, CRYPTO_KEY_BYTES);
}

const uint8_t *vault__domain_key(const struct vault *v, uint16_t domain)
{
    const struct domain_key *d = find_key(v, domain);

    return d == NULL ? NULL : d->key;
}

void vault__domains_free(struct vault *v)
{
    struct domain_key *d = atomic_exchange(&v->domains, NULL);

    mem_free(&v->domain_table);
    v->domain_count = 0;
    while (d != NULL) {
        struct domain_key *next = d->next;

        secret_free(&d->key);
        free(d);
        d = next;
    }
}

static enum err load_domain(struct vault *v, const struct store_domain *domain)
{
    struct slab_key found;
    enum err e = slab_read(v->slab, domain->slot, &found);

    if (e == ERR_OK && (found.kind != SLAB_INDEX || found.owner != domain->id))
        e = ERR_CORRUPT;
    if (e == ERR_OK)
        publish(v, domain->id, found.key);
    secret_wipe(&found, sizeof(found));
    return e;
}

enum err vault__domains_load(struct vault *v, struct errmsg *msg)
{
    for (size_t i = 0; i < v->domain_count; i++) {
        const struct domain *d = &v->domain_table[i];
        enum err e = d->configured ? load_domain(v, &d->stored) : ERR_OK;

        if (e != ERR_OK)
            return errmsg_set(msg, e == ERR_NOT_FOUND ? ERR_CORRUPT : e,
                              "%s/" VAULT_SLAB ": the index key of domain %s cannot be read",
                              v->dir, d->stored.name);
    }
    return ERR_OK;
}

static struct domain *find_domain(const struct vault *v, struct span name)
{
    for (size_t i = 0; i < v->domain_count; i++)
        if (span_equal(span_str(v->domain_table[i].stored.name), name))
            return &v->domain_table[i];
    return NULL;
}

/* The highest number that a domain ever had. A database from before one knows nothing of it, but the
 * slab does. */
static enum err last_domain_id(const struct vault *v, uint64_t *ret)
{
    uint64_t last = 0;

    for (size_t i = 0; i < v->domain_count; i++)
        last = v->domain_table[i].stored.id > last ? v->domain_table[i].stored.id : last;
    for (uint64_t slot = 0; slot < slab_slots_used(v->slab); slot++) {
        struct slab_key key;
        enum err e = slab_read(v->slab, slot, &key);

        if (e == ERR_OK && key.kind == SLAB_INDEX && key.owner > last)
            last = key.owner;
        secret_wipe(&key, sizeof(key));
        if (e != ERR_OK && e != ERR_NOT_FOUND && e != ERR_CORRUPT) /* that is one subject's loss */
            return e;
    }
    *ret = last;
    return ERR_OK;
}

/* The key is durable before the domain is known: killed between the two, a key is left over that
 * nothing needs, and the number is passed over. */
static enum err add_domain(struct vault *v, struct store *s, const char *name, uint64_t *last)
{
    struct slab_key key = {.kind = SLAB_INDEX};
    struct store_domain domain;
    enum err e = *last != 0 ? ERR_OK : last_domain_id(v, last);

    if (e != ERR_OK)
        return e;
    if (*last >= UINT16_MAX)
        return ERR_CONFIG;
    (void)snprintf(domain.name, sizeof(domain.name), "%s", name);
    domain.id = (uint16_t)++ * last;
    key.owner = domain.id;
    secret_random(key.key, sizeof(key.key));
    e = slab_add(v->slab, &key, &domain.slot);
    secret_wipe(&key, sizeof(key));
    if (e == ERR_OK)
        e = slab_sync(v->slab);
    if (e == ERR_OK)
        e = store_domain_add(s, &domain);
    if (e == ERR_OK)
        v->domain_table[v->domain_count++] = (struct domain){domain, true};
    return e;
}

static enum err read_domains(struct vault *v, struct store *s, size_t room)
{
    struct store_domain found;
    size_t cap = room + 16;
    enum err e = store_domain_next(s, 0, &found);

    v->domain_table = mem_alloc(cap * sizeof(v->domain_table[0]));
    while (e == ERR_OK) {
        if (v->domain_count + room == cap) {
            cap *= 2;
            v->domain_table = realloc(v->domain_table, cap * sizeof(v->domain_table[0]));
            REQUIRE(v->domain_table != NULL);
        }
        v->domain_table[v->domain_count++] = (struct domain){found, false};
        e = store_domain_next(s, found.id + 1u, &found);
    }
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

/* Those that are in the store only: gone from the configuration. */
static enum err check_domains_left(const struct vault *v, struct store *s, struct errmsg *msg)
{
    for (size_t i = 0; i < v->domain_count; i++) {
        const struct domain *d = &v->domain_table[i];
        bool used = false;
        enum err e = d->configured ? ERR_OK : store_domain_is_used(s, d->stored.id, &used);

        if (e != ERR_OK)
            return e;
        if (used)
            return errmsg_set(msg, ERR_CONFIG,
                              "domain %s: the store still holds people of it; keep it under "
                              "`domains` until they are gone",
                              d->stored.name);
    }
    return ERR_OK;
}

static enum err register_domains(struct vault *v, struct store *s, const struct domains *domains,
                                 struct errmsg *msg)
{
    enum err e = read_domains(v, s, domains->count);
    uint64_t last = 0; /* the default one has a number: 0 is not known yet */

    for (size_t i = 0; e == ERR_OK && i < domains->count; i++) {
        struct domain *d = find_domain(v, span_str(domains->names[i]));

        if (d != NULL)
            d->configured = true;
        else
            e = add_domain(v, s, domains->names[i], &last);
        if (e == ERR_CONFIG)
            return errmsg_set(msg, e, "domain %s: the store has had %d domains already",
                              domains->names[i], UINT16_MAX);
    }
    return e == ERR_OK ? check_domains_left(v, s, msg) : e;
}

enum err vault__domains_register(struct vault *v, struct store *s, const struct domains *domains,
                                 struct errmsg *msg)
{
    static char *only[] = {DOMAIN_DEFAULT_NAME};
    static const struct domains by_default = {only, COUNT_OF(only)};
    enum err e = store_begin(s);

    if (e == ERR_OK) {
        e = register_domains(v, s, domains == NULL ? &by_default : domains, msg);
        if (e == ERR_OK)
            e = store_commit(s);
        else
            store_rollback(s);
    }
    if (e == ERR_OK || e == ERR_CONFIG)
        return e;
    return errmsg_set(msg, e, "%s/" VAULT_DB ": the domains cannot be registered: %s", v->dir,
                      err_text(e));
}

uint16_t vault_domain_id(const struct vault *v, struct span name)
{
    const struct domain *d = find_domain(v, name);

    return d != NULL && d->configured ? d->stored.id : 0;
}

const char *vault_domain_name(const struct vault *v, uint16_t domain)
{
    for (size_t i = 0; i < v->domain_count; i++)
        if (v->domain_table[i].stored.id == domain)
            return v->domain_table[i].stored.name;
    return NULL;
}
