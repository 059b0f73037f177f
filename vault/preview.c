/* SPDX-License-Identifier: Apache-2.0 */
/* Counting what a rule would change.
 * Runs on: any thread, with a connection of its own. Holds: a snapshot of the database, a run of rows' times;
 * no value is opened. Invariant: counts what re-timing would do to this state. Not here: doing it (retime.c). */
#include "vault/preview.h"

#include <string.h>

#include "vault/holds_priv.h"
#include "vault/retime_priv.h"
#include "vault/rules_priv.h"
#include "vault/vault_priv.h"

enum { RUN_ROWS = 1024 };

struct vault_preview {
    struct vault *v;
    struct store *store;
    struct vault_reader *reader; /* marks are looked at in its transactions only */
    uint64_t slot;               /* looked at last: has it a key? */
    bool has_key;
    struct store_timer rows[RUN_ROWS];
};

enum err vault_preview_open(struct vault *v, struct vault_preview **ret_preview)
{
    AUTO(mem_free) char *path = vault__path(v->dir, VAULT_DB);
    AUTO(vault_preview_close) struct vault_preview *p = mem_alloc(sizeof(*p));
    enum err e = vault_may_serve(v);

    p->v = v;
    if (e == ERR_OK)
        e = store_open(path, STORE_READER, slab_store_id(v->slab), &p->store, NULL);
    if (e == ERR_OK)
        e = vault_reader_open(v, &p->reader);
    if (e == ERR_OK)
        e = store_snapshot_begin(p->store);
    if (e != ERR_OK)
        return e;
    *ret_preview = TAKE(p);
    return ERR_OK;
}

void vault_preview_close(struct vault_preview **preview)
{
    struct vault_preview *p = TAKE(*preview);

    if (p == NULL)
        return;
    vault_reader_close(&p->reader);
    if (p->store != NULL)
        store_snapshot_end(p->store);
    store_close(&p->store);
    free(p);
}

enum err vault_preview_is_applied(struct vault_preview *p, const struct class_def *def, bool *ret)
{
    char timing[RULE_ZONED_MAX];
    struct store_rule last;
    uint32_t applied = 0;
    enum err e = store_rule_last(p->store, def->name, &last);

    if (e == ERR_OK)
        e = store_rule_applied_get(p->store, def->name, &applied);
    if (e != ERR_OK && e != ERR_NOT_FOUND)
        return e;
    vault__rule_timing(def, timing);
    *ret = e == ERR_OK && applied == last.said.version && strcmp(last.timing, timing) == 0;
    return ERR_OK;
}

static enum err look_at_key(struct vault_preview *p, uint64_t slot)
{
    static const uint8_t zeroes[SLAB_SLOT_BYTES];
    uint8_t raw[SLAB_SLOT_BYTES];
    enum err e = ERR_OK;

    if (p->slot == slot)
        return e;
    e = slab_raw(p->v->slab, slot, raw);
    if (e != ERR_OK)
        return e;
    p->slot = slot;
    p->has_key = memcmp(raw, zeroes, sizeof(raw)) != 0;
    return ERR_OK;
}

/* What is counted, by which rule, and when. */
struct counting {
    uint16_t class_id;
    const struct rule *rule;
    int64_t now_s;
    int64_t past_s;
    struct vault_preview_count count;
};

static enum err count_row(struct vault_preview *p, const struct store_timer *row,
                          struct counting *c)
{
    struct timer to;
    enum err e;

    if (c->now_s >= row->due_s)
        return ERR_OK;
    e = look_at_key(p, row->slot);
    if (e != ERR_OK || !p->has_key)
        return e;
    e = vault__rule_timer(p->store, c->rule, row->slot, row->created_s, row->start_s, &to);
    if (e != ERR_OK)
        return e;
    c->count.values++;
    c->count.earlier += to.due_s < row->due_s;
    c->count.later += to.due_s > row->due_s;
    if (to.due_s > c->now_s)
        return ERR_OK;
    if ((vault__marks_on(p->v, row->slot, c->class_id) & (MARK_HELD | MARK_KEPT)) != 0) {
        c->count.held++;
        return ERR_OK;
    }
    c->count.at_once++;
    c->count.at_past_s += to.due_s <= c->past_s;
    return ERR_OK;
}

static enum err count_run(struct vault_preview *p, size_t rows, struct counting *c)
{
    enum err e = vault_read_begin(p->reader);

    if (e != ERR_OK)
        return e;
    for (size_t i = 0; e == ERR_OK && i < rows; i++)
        e = count_row(p, &p->rows[i], c);
    vault_read_end(p->reader);
    return e;
}

enum err vault_preview_class(struct vault_preview *p, uint16_t class_id, const struct rule *rule,
                             int64_t now_s, int64_t past_s, struct vault_preview_count *ret)
{
    const struct store_class *class = vault__class(p->v, class_id);
    struct counting c = {.class_id = class_id, .rule = rule, .now_s = now_s, .past_s = past_s};
    struct store_timer_cursor from = {.limit = RUN_ROWS};
    size_t rows = RUN_ROWS;
    enum err e = class == NULL ? ERR_NOT_FOUND : ERR_OK;

    while (e == ERR_OK && rows == RUN_ROWS) {
        if (atomic_load(&p->v->backup_stop))
            return ERR_CANCELED;
        e = store_timers(p->store, class, &from, p->rows, &rows);
        if (e == ERR_OK)
            e = count_run(p, rows, &c);
        if (e == ERR_OK && rows > 0)
            from.after = p->rows[rows - 1].id;
    }
    if (e == ERR_OK)
        *ret = c.count;
    return e;
}
