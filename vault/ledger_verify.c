/* SPDX-License-Identifier: Apache-2.0 */
/* Looking at a ledger from outside: is it whole, and is it all of it?
 * Runs on: the command line's thread; blocks. Holds: nothing. Invariant: what is only looked at is not
 * changed. Not here: the chain (ledger.c), the mirror's bytes (mirror.c). */
#include "vault/ledger_verify.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/secret.h"
#include "vault/file_priv.h"
#include "vault/mirror_priv.h"
#include "vault/vault_priv.h"

/* What a look needs of the store. */
struct look {
    struct slab *slab;
    uint8_t *key; /* the ledger's, guarded */
    struct ledger *ledger;
};

static void look_done(struct look *l)
{
    slab_close(&l->slab);
    secret_free(&l->key);
    ledger_close(&l->ledger);
}

static enum err open_slab(const struct vault_options *options, struct look *l, struct errmsg *msg)
{
    AUTO(mem_free) char *path = vault__path(options->dir, VAULT_SLAB);
    enum err e = slab_open(path, options->roots, &l->slab, msg);

    if (e != ERR_OK)
        return e;
    l->key = secret_alloc(CRYPTO_KEY_BYTES);
    e = vault__own_key(l->slab, SLAB_SLOT_LEDGER, SLAB_LEDGER, l->key);
    return e == ERR_OK ? e : errmsg_set(msg, e, "%s: the ledger's key cannot be read", path);
}

/* ---- open erasures ---- */

struct erasures {
    uint8_t (*ids)[VAULT_ID_BYTES]; /* a table with open addressing; random ids need no hash */
    bool *closed;
    bool *taken;
    size_t size; /* a power of two */
    uint64_t begun, open;
};

static size_t place_of(const struct erasures *t, const uint8_t *id)
{
    size_t at = (size_t)get_le(id, 8) & (t->size - 1);

    while (t->taken[at] && memcmp(t->ids[at], id, VAULT_ID_BYTES) != 0)
        at = (at + 1) & (t->size - 1);
    return at;
}

static enum err count_record(const struct ledger_record *record, void *context)
{
    struct erasures *t = context;
    size_t at;

    if (record->kind != LEDGER_ERASE && record->kind != LEDGER_CLOSED)
        return ERR_OK;
    at = place_of(t, record->erasure);
    if (record->kind == LEDGER_ERASE && !t->taken[at]) {
        t->taken[at] = true;
        memcpy(t->ids[at], record->erasure, VAULT_ID_BYTES);
        t->begun++;
        t->open++;
    } else if (record->kind == LEDGER_CLOSED && t->taken[at] && !t->closed[at]) {
        t->closed[at] = true;
        t->open--;
    }
    return ERR_OK;
}

static enum err count_erasures(struct ledger *l, struct vault_ledger_report *ret)
{
    struct erasures t = {.size = 16};
    enum err e = ERR_NO_SPACE;

    while (t.size < 2 * ledger_seq(l))
        t.size *= 2;
    t.ids = mem_try_alloc(t.size, sizeof(t.ids[0]));
    t.closed = mem_try_alloc(t.size, sizeof(t.closed[0]));
    t.taken = mem_try_alloc(t.size, sizeof(t.taken[0]));
    if (t.ids != NULL && t.closed != NULL && t.taken != NULL)
        e = ledger_each(l, count_record, &t);
    ret->erasures = t.begun;
    ret->open_erasures = t.open;
    free(t.ids);
    free(t.closed);
    free(t.taken);
    return e;
}

/* ---- verdicts ---- */

/* Why it does not open: is it another store's? */
static enum vault_ledger_verdict judge(const char *path, const uint8_t *store_id)
{
    AUTO(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
    uint8_t first[LEDGER_RECORD_BYTES];
    size_t got = 0;

    if (fd < 0)
        return VAULT_LEDGER_MISSING;
    if (vault__file_read(fd, first, sizeof(first), 0, &got) == ERR_OK && got == sizeof(first) &&
        first[1] == LEDGER_OPENED && memcmp(first + 32, store_id, VAULT_ID_BYTES) != 0)
        return VAULT_LEDGER_FOREIGN;
    return VAULT_LEDGER_ALTERED;
}

struct seen {
    uint64_t entries;
    uint8_t head[CRYPTO_HASH_BYTES];
};

/* Asked before the ledger is read: a server may append meanwhile. */
static enum err what_store_saw(const struct vault_options *options, const struct look *l,
                               struct seen *ret, struct errmsg *msg)
{
    AUTO(mem_free) char *path = vault__path(options->dir, VAULT_DB);
    AUTO(store_close) struct store *s = NULL;
    int64_t seq = 0;
    enum err e = store_open(path, STORE_READER, slab_store_id(l->slab), &s, msg);

    if (e != ERR_OK)
        return e;
    e = store_snapshot_begin(s);
    if (e == ERR_OK)
        e = store_meta_int(s, STORE_META_LEDGER_SEQ, &seq);
    if (e == ERR_OK)
        e = store_meta_hash(s, STORE_META_LEDGER_HEAD, ret->head);
    store_snapshot_end(s);
    ret->entries = (uint64_t)seq;
    return e == ERR_OK ? e : errmsg_set(msg, e, "%s: does not remember the ledger", path);
}

static enum err compare_with_store(const char *path, const struct look *l, const struct seen *seen,
                                   struct vault_ledger_report *r)
{
    uint8_t head[CRYPTO_HASH_BYTES];
    enum err e;

    if (r->entries < seen->entries) {
        r->verdict = VAULT_LEDGER_SHORTENED;
        return errmsg_set(&r->why, ERR_OK,
                          "%s: ends at entry %llu, but the store has seen %llu: an older copy",
                          path, (unsigned long long)r->entries, (unsigned long long)seen->entries);
    }
    e = ledger_head_at(l->ledger, seen->entries, head);
    if (e == ERR_OK && seen->entries > 0 && memcmp(head, seen->head, sizeof(head)) != 0) {
        r->verdict = VAULT_LEDGER_SHORTENED;
        (void)errmsg_set(&r->why, ERR_OK,
                         "%s: went another way than the store has seen, before entry %llu", path,
                         (unsigned long long)seen->entries);
    }
    return e;
}

enum err vault_ledger_verify(const struct vault_options *options, const char *file,
                             struct vault_ledger_report *ret, struct errmsg *msg)
{
    AUTO(look_done) struct look l = {.slab = NULL};
    AUTO(mem_free) char *own = vault__path(options->dir, VAULT_LEDGER);
    const char *path = file == NULL ? own : file;
    struct vault_ledger_report r = {.verdict = VAULT_LEDGER_WHOLE};
    struct seen seen = {0};
    enum err e = open_slab(options, &l, msg);

    if (e == ERR_OK)
        e = what_store_saw(options, &l, &seen, msg);
    if (e != ERR_OK)
        return e;
    e = ledger_view(path, l.key, slab_store_id(l.slab), &l.ledger, &r.why);
    if (e == ERR_CORRUPT) {
        r.verdict = judge(path, slab_store_id(l.slab));
        *ret = r;
        return ERR_OK;
    }
    if (e != ERR_OK)
        return errmsg_set(msg, e, "%s", r.why.text);
    r.entries = ledger_position(l.ledger, r.head);
    e = compare_with_store(path, &l, &seen, &r);
    if (e == ERR_OK && r.verdict == VAULT_LEDGER_WHOLE && options->ledger_mirror != NULL &&
        mirror_compare(options->ledger_mirror, l.ledger, path, &r.why) != ERR_OK)
        r.verdict = VAULT_LEDGER_SHORTENED;
    if (e == ERR_OK)
        e = count_erasures(l.ledger, &r);
    if (e != ERR_OK)
        return errmsg_set(msg, e, "%s: cannot be read: %s", path, err_text(e));
    *ret = r;
    return ERR_OK;
}

enum err vault_ledger_mirror(const struct vault_options *options, struct errmsg *msg)
{
    AUTO(look_done) struct look l = {.slab = NULL};
    AUTO(fd_close) int lock_fd = -1;
    AUTO(mem_free) char *path = vault__path(options->dir, VAULT_LEDGER);
    struct vault_ledger_report report;
    enum err e = vault__lock(options->dir, false, &lock_fd, msg);
    const char *mirror = options->ledger_mirror;
    struct vault_options own = *options;

    if (e != ERR_OK)
        return e;
    own.ledger_mirror = NULL; /* what is copied must be whole by all that the store knows */
    e = vault_ledger_verify(&own, NULL, &report, msg);
    if (e == ERR_OK && report.verdict != VAULT_LEDGER_WHOLE)
        e = errmsg_set(msg, ERR_CORRUPT, "%s", report.why.text);
    if (e == ERR_OK)
        e = open_slab(options, &l, msg);
    if (e == ERR_OK)
        e = ledger_view(path, l.key, slab_store_id(l.slab), &l.ledger, msg);
    return e == ERR_OK ? mirror_create(mirror, l.ledger, msg) : e;
}
