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

static struct store_class *find_class(struct registry *r, const char *name)
{
    for (size_t id = 1; id <= CLASSES_MAX; id++)
        if (r->table[id].id != 0 && strcmp(r->table[id].name, name) == 0)
            return &r->table[id];
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

static enum err add_class(struct registry *r, const struct class_def *def, struct store_class **ret,
                          struct errmsg *msg)
{
    struct store_class *c = NULL;

    for (size_t id = CLASSES_MAX; id >= 1; id--)
        if (r->table[id].id == 0)
            c = &r->table[id];
    if (c == NULL)
        return errmsg_set(msg, ERR_CONFIG, "class %s: the store holds %d classes already",
                          def->name, CLASSES_MAX);
    *c = (struct store_class){
        .id = (uint16_t)(c - r->table),
        .domain = VAULT_DOMAIN_DEFAULT,
        .format = def->format,
        .deterministic = def->deterministic,
        /* Random typed tokens number the rows: not in the order in which they come. */
        .ordered =
            (def->deterministic || !format_is_typed(def->format)) && rule_is_ordered(&def->rule),
    };
    (void)snprintf(c->name, sizeof(c->name), "%s", def->name);
    rule_timing(&def->rule, c->period);
    write_spec(def, c->spec);
    *ret = c;
    return store_class_add(r->store, c);
}

/* A class that changed what its tokens look like or mean: only while it is empty. */
static enum err replace_class(struct registry *r, const struct class_def *def,
                              struct store_class **c, struct errmsg *msg)
{
    bool empty = false;
    enum err e = store_class_is_empty(r->store, *c, &empty);

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
    if (r->live)
        return errmsg_set(msg, ERR_CONFIG,
                          "class %s: what its tokens look like changes at a restart only",
                          def->name);
    e = store_class_drop(r->store, *c);
    if (e != ERR_OK)
        return e;
    (*c)->id = 0;
    return add_class(r, def, c, msg);
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

/* It was configured once, left, and comes back: its sequences are read when a store is opened. */
static bool comes_back(const struct registry *r, const struct store_class *c)
{
    return r->live && format_is_typed(c->format) && r->v->table[c->id].id != 0 &&
           r->v->defs[c->id] == NULL;
}

static enum err register_class(struct registry *r, const struct class_def *def, struct errmsg *msg)
{
    struct store_class *c = find_class(r, def->name);
    char period[RULE_TIMING_MAX], spec[FORMAT_SPEC_TEXT_MAX];
    enum err e = ERR_OK;

    write_spec(def, spec);
    if (c == NULL)
        e = add_class(r, def, &c, msg);
    else if (c->format != def->format || c->deterministic != def->deterministic ||
             strcmp(c->spec, spec) != 0)
        e = replace_class(r, def, &c, msg);
    else if (comes_back(r, c))
        e = errmsg_set(msg, ERR_CONFIG,
                       "class %s: the store knows it from before; it comes back "
                       "at a restart only",
                       def->name);
    if (e != ERR_OK)
        return e;
    rule_timing(&def->rule, period);
    if (strcmp(period, c->period) != 0)
        e = new_period(r->store, c, period);
    r->defs[c->id] = def;
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

enum err registry_match_classes(struct registry *r, const struct classes *classes,
                                struct errmsg *msg)
{
    enum err e = store_classes_read(r->store, r->table);

    for (size_t i = 0; e == ERR_OK && i < classes->count; i++)
        e = register_class(r, &classes->defs[i], msg);
    for (size_t id = 1; e == ERR_OK && id <= CLASSES_MAX; id++)
        if (r->table[id].id != 0 && r->defs[id] == NULL)
            e = check_left_over(r->store, &r->table[id], msg);
    return e;
}

/* An entry that is there stays as it is, but for its timing, which only this file reads, and its
 * order, which only the writer does. */
static void publish_classes(const struct registry *r)
{
    struct vault *v = r->v;

    for (size_t id = 1; id <= CLASSES_MAX; id++) {
        const struct store_class *c = &r->table[id];
        struct store_class *to = &v->table[id];

        if (to->id == 0) {
            uint16_t number = c->id;

            *to = *c;
            to->id = 0;
            __atomic_store_n(&to->id, number, __ATOMIC_RELEASE);
        } else {
            memcpy(to->period, c->period, sizeof(to->period));
            to->ordered = c->ordered;
        }
        if (r->defs[id] != NULL)
            __atomic_store_n(&to->use_granularity_s, rule_granularity_s(&r->defs[id]->rule),
                             __ATOMIC_RELAXED);
        v->closed[id] = r->defs[id] == NULL;
        /* That of a class that left stays, for tokens that still go about. */
        if (r->defs[id] != NULL)
            v->defs[id] = r->defs[id];
    }
}

uint16_t vault_class_id(const struct vault *v, const struct class_def *def)
{
    for (size_t id = 1; id <= CLASSES_MAX; id++) {
        const struct class_def *known = v->defs[id];

        if (known != NULL && (known == def || strcmp(known->name, def->name) == 0))
            return (uint16_t)id;
    }
    return 0;
}

const struct class_def *vault_class_def(const struct vault *v, uint16_t class_id)
{
    return class_id <= CLASSES_MAX ? v->defs[class_id] : NULL;
}

const struct classes *vault_classes(const struct vault *v)
{
    return v->classes;
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

bool vault__domain_is_closed(const struct vault *v, uint16_t domain)
{
    const struct domain_key *d = find_key(v, domain);

    return d == NULL || d->closed;
}

static void free_tables(struct domain_table *table)
{
    while (table != NULL) {
        struct domain_table *older = table->older;

        free(table);
        table = older;
    }
}

void vault__domains_free(struct vault *v)
{
    struct domain_key *d = atomic_exchange(&v->domains, NULL);

    free_tables(atomic_exchange(&v->domain_table, NULL));
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

enum err vault__domains_load(struct vault *v, bool missing, struct errmsg *msg)
{
    const struct domain_table *table = v->domain_table;

    for (size_t i = 0; i < table->count; i++) {
        const struct domain *d = &table->at[i];
        bool wanted = d->configured && !(missing && find_key(v, d->stored.id) != NULL);
        enum err e = wanted ? load_domain(v, &d->stored) : ERR_OK;

        if (e != ERR_OK)
            return errmsg_set(msg, e == ERR_NOT_FOUND ? ERR_CORRUPT : e,
                              "%s/" VAULT_SLAB ": the index key of domain %s cannot be read",
                              v->dir, d->stored.name);
    }
    return ERR_OK;
}

static struct domain *find_domain(struct domain_table *table, struct span name)
{
    for (size_t i = 0; table != NULL && i < table->count; i++)
        if (span_equal(span_str(table->at[i].stored.name), name))
            return &table->at[i];
    return NULL;
}

/* The highest number that a domain ever had. A database from before one knows nothing of it, but the
 * slab does. */
static enum err last_domain_id(const struct registry *r, uint64_t *ret)
{
    const struct domain_table *table = r->domains;
    const struct vault *v = r->v;
    uint64_t last = 0;

    for (size_t i = 0; i < table->count; i++)
        last = table->at[i].stored.id > last ? table->at[i].stored.id : last;
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
static enum err add_domain(struct registry *r, const char *name, uint64_t *last)
{
    struct slab_key key = {.kind = SLAB_INDEX};
    struct store_domain domain;
    enum err e = *last != 0 ? ERR_OK : last_domain_id(r, last);

    if (e != ERR_OK)
        return e;
    if (*last >= UINT16_MAX)
        return ERR_CONFIG;
    (void)snprintf(domain.name, sizeof(domain.name), "%s", name);
    domain.id = (uint16_t)++ * last;
    key.owner = domain.id;
    secret_random(key.key, sizeof(key.key));
    e = slab_add(r->v->slab, &key, &domain.slot);
    secret_wipe(&key, sizeof(key));
    if (e == ERR_OK)
        e = slab_sync(r->v->slab);
    if (e == ERR_OK)
        e = store_domain_add(r->store, &domain);
    if (e == ERR_OK)
        r->domains->at[r->domains->count++] = (struct domain){domain, true};
    return e;
}

static struct domain_table *table_with_room(struct domain_table *table, size_t cap)
{
    table = realloc(table, sizeof(*table) + cap * sizeof(table->at[0]));
    REQUIRE(table != NULL);
    return table;
}

static enum err read_domains(struct registry *r, size_t room)
{
    struct store_domain found;
    size_t cap = room + 16;
    enum err e = store_domain_next(r->store, 0, &found);

    r->domains = table_with_room(NULL, cap);
    r->domains->older = NULL;
    r->domains->count = 0;
    while (e == ERR_OK) {
        if (r->domains->count + room == cap) {
            cap *= 2;
            r->domains = table_with_room(r->domains, cap);
        }
        r->domains->at[r->domains->count++] = (struct domain){found, false};
        e = store_domain_next(r->store, found.id + 1u, &found);
    }
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

/* Those that are in the store only: gone from the configuration. */
static enum err check_domains_left(const struct registry *r, struct errmsg *msg)
{
    for (size_t i = 0; i < r->domains->count; i++) {
        const struct domain *d = &r->domains->at[i];
        bool used = false;
        enum err e = d->configured ? ERR_OK : store_domain_is_used(r->store, d->stored.id, &used);

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

enum err registry_match_domains(struct registry *r, const struct domains *domains,
                                struct errmsg *msg)
{
    static char *only[] = {DOMAIN_DEFAULT_NAME};
    static const struct domains by_default = {only, COUNT_OF(only)};
    uint64_t last = 0; /* the default one has a number: 0 is not known yet */
    enum err e;

    if (domains == NULL)
        domains = &by_default;
    e = read_domains(r, domains->count);
    for (size_t i = 0; e == ERR_OK && i < domains->count; i++) {
        struct domain *d = find_domain(r->domains, span_str(domains->names[i]));

        if (d != NULL)
            d->configured = true;
        else
            e = add_domain(r, domains->names[i], &last);
        if (e == ERR_CONFIG)
            return errmsg_set(msg, e, "domain %s: the store has had %d domains already",
                              domains->names[i], UINT16_MAX);
    }
    return e == ERR_OK ? check_domains_left(r, msg) : e;
}

static void publish_domains(struct registry *r)
{
    struct domain_table *table = TAKE(r->domains);

    table->older = r->v->domain_table;
    r->v->domain_table = table;
    for (size_t i = 0; i < table->count; i++) {
        struct domain_key *d = find_key(r->v, table->at[i].stored.id);

        if (d != NULL)
            d->closed = !table->at[i].configured;
    }
}

uint16_t vault_domain_id(const struct vault *v, struct span name)
{
    const struct domain *d = find_domain(v->domain_table, name);

    return d != NULL && d->configured ? d->stored.id : 0;
}

const char *vault_domain_name(const struct vault *v, uint16_t domain)
{
    const struct domain_table *table = v->domain_table;

    for (size_t i = 0; table != NULL && i < table->count; i++)
        if (table->at[i].stored.id == domain)
            return table->at[i].stored.name;
    return NULL;
}

/* ---- the whole ---- */

struct registry *registry_new(struct vault *v, struct store *s, bool live)
{
    struct registry *r = mem_alloc(sizeof(*r));

    r->v = v;
    r->store = s;
    r->live = live;
    return r;
}

void registry_free(struct registry **rp)
{
    struct registry *r = TAKE(*rp);

    if (r == NULL)
        return;
    free(r->domains);
    free(r);
}

void registry_publish(struct registry *r, const struct classes *classes)
{
    publish_domains(r);
    publish_classes(r);
    r->v->classes = classes;
}
